namespace SealService.Ledger.Sequencing;

/// <summary>A batch was not sealed, and nothing of it was persisted: the ledger goes on as if it had not been.</summary>
internal sealed class NotSealedException(LedgerError error, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public LedgerError Error => error;
}
