using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// What is sealed about one document: views of the caller's bytes, which are copied into the entry. The salt and the time
/// are the ledger's.
/// </summary>
public readonly ref struct DocumentSeal
{
    /// <summary>Whether the service received the document or only its digest.</summary>
    public required EntryKind Kind { get; init; }

    /// <summary>The document's SHA-256, 32 bytes.</summary>
    public required ReadOnlySpan<byte> Digest { get; init; }

    /// <summary>The document's size in bytes; of a digest as the caller stated it, or 0.</summary>
    public long SizeBytes { get; init; }

    /// <summary>The caller's identifier: up to 128 bytes of UTF-8, or empty.</summary>
    public ReadOnlySpan<byte> DocumentId { get; init; }

    /// <summary>The commitment to metadata: 32 bytes, or empty.</summary>
    public ReadOnlySpan<byte> MetadataCommitment { get; init; }

    /// <summary>The claim of the document's idempotency key; null when it has none.</summary>
    public Claim? Claim { get; init; }

    private static ReadOnlySpan<byte> NoSalt => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>What is wrong with the document or its entry, or null: what is stored must be readable for ever.</summary>
    internal string? FindFault(in LogEntry entry) =>
        entry.FindFault()
        ?? (Claim is null || Claim.Digest.AsSpan().SequenceEqual(Digest) ? null : "the claim is for another digest");

    /// <summary>Fills the document's entry in, but for the salt, which is of its place in the segment.</summary>
    internal void FillUnsaltedEntry(long sealedAtUnixMs, ref LogEntry entry)
    {
        entry.Kind = Kind;
        entry.Salt = NoSalt;
        entry.SealedAtUnixMs = sealedAtUnixMs;
        entry.DigestAlgorithm = DigestAlgorithm.Sha256;
        entry.Digest = Digest;
        entry.DocumentSizeBytes = SizeBytes;
        entry.DocumentId = DocumentId;
        entry.IdempotencyKeySha256 = Claim is null ? [] : Claim.KeyBytes;
        entry.MetadataCommitment = MetadataCommitment;
    }
}
