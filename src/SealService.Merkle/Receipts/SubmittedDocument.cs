using System.Runtime.InteropServices;
using System.Text;

namespace SealService.Merkle;

/// <summary>What a caller sent about one document: all that its entry holds besides the salt and the time.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct SubmittedDocument
{
    /// <summary>Whether the document was sent or only its digest.</summary>
    public required EntryKind Kind { get; init; }

    /// <summary>The document's SHA-256.</summary>
    public required MerkleHash Digest { get; init; }

    /// <summary>The document's size in bytes; with <see cref="EntryKind.Digest"/> as it was stated, or 0.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>The caller's identifier, or null or empty.</summary>
    public string? DocumentId { get; init; }

    /// <summary>The idempotency key as it was sent, or null or empty. The entry holds its SHA-256.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The commitment to metadata: 32 bytes, or empty.</summary>
    public ReadOnlyMemory<byte> MetadataCommitment { get; init; }

    /// <summary>The bytes of the entry that the ledger makes of it.</summary>
    /// <param name="salt">The entry's salt, 16 bytes.</param>
    /// <param name="sealedAtUnixMs">The entry's time.</param>
    public byte[] ToEntry(ReadOnlySpan<byte> salt, long sealedAtUnixMs)
    {
        MerkleHash digest = Digest;
        bool hasIdempotencyKey = !string.IsNullOrEmpty(IdempotencyKey);
        MerkleHash idempotencyKeySha256 = hasIdempotencyKey ? Sha256.HashData(Encoding.UTF8.GetBytes(IdempotencyKey!)) : default;
        var entry = new LogEntry
        {
            Kind = Kind,
            Salt = salt,
            SealedAtUnixMs = sealedAtUnixMs,
            DigestAlgorithm = DigestAlgorithm.Sha256,
            Digest = digest.AsSpan(),
            DocumentSizeBytes = SizeBytes,
            DocumentId = Encoding.UTF8.GetBytes(DocumentId ?? ""),
            IdempotencyKeySha256 = hasIdempotencyKey ? idempotencyKeySha256.AsSpan() : [],
            MetadataCommitment = MetadataCommitment.Span,
        };

        var bytes = new byte[LogEntryCodec.GetSize(entry)];
        LogEntryCodec.Write(entry, bytes);
        return bytes;
    }
}
