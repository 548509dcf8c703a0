namespace SealService.Ledger;

/// <summary>Why entries that were added were not acknowledged.</summary>
public enum LedgerError
{
    /// <summary>No failure.</summary>
    None = 0,

    /// <summary>The checkpoint could not be signed. Nothing was persisted, the tree is unchanged: trying again is safe.</summary>
    SigningFailed,

    /// <summary>The storage is nearly full. Nothing was persisted: trying again is safe, and of use when there is room again.</summary>
    StorageFull,

    /// <summary>The ledger is closing. The entries were not sealed: trying again elsewhere or later is safe.</summary>
    Closing,

    /// <summary>
    /// A write or a verification failed: the entries may or may not be in the ledger. It stops here; after a restart their
    /// idempotency keys tell.
    /// </summary>
    StateUnknown,
}

/// <summary>A failure of one batch, as its waiters see it.</summary>
/// <param name="Error">What failed.</param>
/// <param name="Message">For people.</param>
/// <param name="Cause">The exception behind it, for logs; null when there is none.</param>
public sealed record LedgerFailure(LedgerError Error, string Message, Exception? Cause = null)
{
    /// <summary>True when nothing was sealed, so that the same documents can be sealed again without a doubt.</summary>
    public bool Retryable => Error is LedgerError.SigningFailed or LedgerError.StorageFull or LedgerError.Closing;
}
