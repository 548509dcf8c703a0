namespace SealService.Merkle;

/// <summary>How a document came into the ledger: <c>seal.v1.EntryKind</c>, with its numbers.</summary>
public enum EntryKind
{
    /// <summary>No entry has it.</summary>
    None = 0,

    /// <summary>The service received the document's bytes and computed its digest.</summary>
    Document = 1,

    /// <summary>The caller computed the digest; the service never saw the document.</summary>
    Digest = 2,
}

/// <summary>The algorithm of a document's digest: <c>seal.v1.DigestAlgorithm</c>, with its numbers.</summary>
public enum DigestAlgorithm
{
    /// <summary>No entry has it.</summary>
    None = 0,

    /// <summary>SHA-256.</summary>
    Sha256 = 1,
}

/// <summary>
/// One entry of the ledger, <c>seal.v1.LogEntry</c>, as a view over bytes that lie elsewhere. <see cref="LogEntryCodec"/> reads and
/// writes its bytes.
/// </summary>
/// <remarks>
/// It can be changed, because every document passes here and it is large: an initializer builds a second one and copies it.
/// </remarks>
public ref struct LogEntry
{
    /// <summary>The largest entry in bytes: what a tlog-tiles entry bundle can hold.</summary>
    public const int EntryBytesMax = 65_535;

    /// <summary>The size of a salt in bytes.</summary>
    public const int SaltBytes = 16;

    /// <summary>The size of the digest, and of a commitment that is not empty, in bytes.</summary>
    public const int DigestBytes = 32;

    /// <summary>The longest document id in bytes of UTF-8.</summary>
    public const int DocumentIdBytesMax = 128;

    /// <summary>The latest time that an entry can have: the end of the year 9999.</summary>
    public const long SealedAtUnixMsMax = 253_402_300_799_999;

    /// <summary>How the document came into the ledger.</summary>
    public EntryKind Kind { get; set; }

    /// <summary>16 bytes.</summary>
    public ReadOnlySpan<byte> Salt { get; set; }

    /// <summary>The server's time when the entry took its place in the open batch, in milliseconds since 1970-01-01T00:00:00Z.</summary>
    public long SealedAtUnixMs { get; set; }

    /// <summary>The algorithm of <see cref="Digest"/>.</summary>
    public DigestAlgorithm DigestAlgorithm { get; set; }

    /// <summary>The document's digest, 32 bytes.</summary>
    public ReadOnlySpan<byte> Digest { get; set; }

    /// <summary>The document's size in bytes; of a digest that the caller computed, what the caller stated, or 0.</summary>
    public long DocumentSizeBytes { get; set; }

    /// <summary>The caller's identifier in UTF-8, or empty.</summary>
    public ReadOnlySpan<byte> DocumentId { get; set; }

    /// <summary>SHA-256 of the idempotency key, or empty.</summary>
    public ReadOnlySpan<byte> IdempotencyKeySha256 { get; set; }

    /// <summary>The caller's commitment to metadata outside the ledger: 32 bytes, or empty.</summary>
    public ReadOnlySpan<byte> MetadataCommitment { get; set; }

    /// <summary>What is wrong with the values, or null: kinds that are known, sizes that are right, text that is UTF-8.</summary>
    public readonly string? FindFault() =>
        Kind is not (EntryKind.Document or EntryKind.Digest) ? Unknown("kind", (int)Kind)
        : Salt.Length != SaltBytes ? WrongSize("salt", Salt.Length, SaltBytes)
        : SealedAtUnixMs is < 0 or > SealedAtUnixMsMax ? "the entry's time is outside the years 1970 to 9999"
        : DigestAlgorithm != DigestAlgorithm.Sha256 ? Unknown("digest algorithm", (int)DigestAlgorithm)
        : Digest.Length != DigestBytes ? WrongSize("digest", Digest.Length, DigestBytes)
        : DocumentSizeBytes < 0 ? "the entry's document size is negative"
        : DocumentId.Length > DocumentIdBytesMax ? TooLong("document id", DocumentId.Length, DocumentIdBytesMax)
        : !DocumentId.IsEmpty && !System.Text.Unicode.Utf8.IsValid(DocumentId) ? "the entry's document id is not UTF-8"
        : IdempotencyKeySha256.Length is not (0 or DigestBytes) ? WrongSize("idempotency key hash", IdempotencyKeySha256.Length, DigestBytes)
        : MetadataCommitment.Length is not (0 or DigestBytes) ? WrongSize("metadata commitment", MetadataCommitment.Length, DigestBytes)
        : null;

    // Text is put together elsewhere: a method that formats clears its stack first, and every document passes here.
    private static string Unknown(string field, int value) => $"the entry's {field} {value} is not known";

    private static string WrongSize(string field, int bytes, int expected) => $"the entry's {field} has {bytes} bytes, not {expected}";

    private static string TooLong(string field, int bytes, int max) => $"the entry's {field} has {bytes} bytes, more than {max}";
}
