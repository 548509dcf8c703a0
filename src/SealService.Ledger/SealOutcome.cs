using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>What became of a document: a receipt that was verified against the signed root, or why it was not acknowledged.</summary>
public readonly record struct SealOutcome
{
    private SealOutcome(Receipt? receipt, LedgerFailure? failure)
    {
        Receipt = receipt;
        Failure = failure;
    }

    /// <summary>The receipt; null when there is a failure.</summary>
    public Receipt? Receipt { get; }

    /// <summary>Why there is no receipt; null when there is one.</summary>
    public LedgerFailure? Failure { get; }

    internal static SealOutcome Sealed(Receipt receipt) => new(receipt, null);

    internal static SealOutcome Failed(LedgerFailure failure) => new(null, failure);
}
