using System.Diagnostics.CodeAnalysis;
using System.Text;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>What an entry says, in a form that can be kept.</summary>
/// <param name="Kind">Whether the server saw the document or only its digest.</param>
/// <param name="Digest">The document's SHA-256.</param>
/// <param name="SizeBytes">The document's size.</param>
/// <param name="SealedAt">The server's time when the entry took its place in the ledger.</param>
/// <param name="DocumentId">The caller's identifier, or empty.</param>
/// <param name="IdempotencyKeySha256">SHA-256 of the idempotency key, or null.</param>
/// <param name="MetadataCommitment">The caller's commitment, or null.</param>
public sealed record EntryDetails(
    EntryKind Kind,
    MerkleHash Digest,
    long SizeBytes,
    DateTimeOffset SealedAt,
    string DocumentId,
    MerkleHash? IdempotencyKeySha256,
    MerkleHash? MetadataCommitment)
{
    /// <summary>Reads a LogEntry. False, and why, when it is none.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out EntryDetails? details, [NotNullWhen(false)] out string? error)
    {
        if (!LogEntryCodec.TryRead(bytes, out var entry, out error))
        {
            details = null;
            return false;
        }

        details = new EntryDetails(
            entry.Kind,
            MerkleHash.Read(entry.Digest),
            entry.DocumentSizeBytes,
            DateTimeOffset.FromUnixTimeMilliseconds(entry.SealedAtUnixMs),
            Encoding.UTF8.GetString(entry.DocumentId),
            entry.IdempotencyKeySha256.IsEmpty ? null : MerkleHash.Read(entry.IdempotencyKeySha256),
            entry.MetadataCommitment.IsEmpty ? null : MerkleHash.Read(entry.MetadataCommitment));
        return true;
    }
}
