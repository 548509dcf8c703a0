namespace SealService.Ledger;

/// <summary>What a claim came to.</summary>
public enum ClaimOutcome
{
    /// <summary>The key is new: seal the document with <see cref="ClaimResult.Claim"/>.</summary>
    Claimed = 1,

    /// <summary>The same document is sealed under this key already: <see cref="ClaimResult.Index"/>.</summary>
    Sealed,

    /// <summary>The same document is being sealed under this key: <see cref="ClaimResult.WaitForIndexAsync"/>.</summary>
    InFlight,

    /// <summary>Another document is sealed, or being sealed, under this key.</summary>
    Conflict,
}

/// <summary>The answer to a claim.</summary>
public readonly record struct ClaimResult
{
    private readonly Task<long?>? _settled;

    private ClaimResult(ClaimOutcome outcome, Claim? claim, long index, Task<long?>? settled)
    {
        Outcome = outcome;
        Claim = claim;
        Index = index;
        _settled = settled;
    }

    public ClaimOutcome Outcome { get; }

    /// <summary>The claim, when the outcome is <see cref="ClaimOutcome.Claimed"/>; the caller's to add or to dispose of.</summary>
    public Claim? Claim { get; }

    /// <summary>The entry's index, when the outcome is <see cref="ClaimOutcome.Sealed"/>; else −1.</summary>
    public long Index { get; }

    /// <summary>
    /// Waits until the document that is in flight is sealed, and gives its index; null when it was not sealed, so that the
    /// key may be claimed again.
    /// </summary>
    /// <exception cref="LedgerException">The ledger's state is unknown.</exception>
    public Task<long?> WaitForIndexAsync(CancellationToken cancellationToken) =>
        (_settled ?? throw new InvalidOperationException($"The outcome is {Outcome}.")).WaitAsync(cancellationToken);

    internal static ClaimResult NewClaim(Claim claim) => new(ClaimOutcome.Claimed, claim, -1, null);

    internal static ClaimResult SealedAt(long index) => new(ClaimOutcome.Sealed, null, index, null);

    internal static ClaimResult InFlight(Task<long?> settled) => new(ClaimOutcome.InFlight, null, -1, settled);

    internal static ClaimResult Conflict() => new(ClaimOutcome.Conflict, null, -1, null);
}
