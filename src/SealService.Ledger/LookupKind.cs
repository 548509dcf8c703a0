namespace SealService.Ledger;

/// <summary>What entries are found by. The values are part of the index's fingerprints.</summary>
public enum LookupKind
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The caller's document id, UTF-8.</summary>
    DocumentId = 1,

    /// <summary>The document's SHA-256, 32 bytes.</summary>
    Digest = 2,

    /// <summary>SHA-256 of the idempotency key, 32 bytes.</summary>
    IdempotencyKey = 3,
}

/// <summary>One entry that was found.</summary>
/// <param name="Index">Its ledger index.</param>
/// <param name="Entry">LogEntry bytes, verbatim.</param>
public readonly record struct FoundEntry(long Index, ReadOnlyMemory<byte> Entry);

/// <summary>A page of entries, the newest first.</summary>
/// <param name="Entries">The entries.</param>
/// <param name="NextBefore">What to pass as <c>before</c> for the next page; null when there is none.</param>
public sealed record FoundEntries(IReadOnlyList<FoundEntry> Entries, long? NextBefore);
