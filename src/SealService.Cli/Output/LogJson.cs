using System.Text;
using SealService.Client;
using SealService.Merkle;

namespace SealService.Cli.Output;

/// <summary>What is read from a ledger, in the shapes of --json.</summary>
internal static class LogJson
{
    public static CheckpointJson Of(SignedCheckpoint checkpoint) => new(
        checkpoint.Checkpoint.Origin,
        checkpoint.Checkpoint.TreeSize,
        checkpoint.Checkpoint.RootHash.ToString(),
        Encoding.UTF8.GetString(checkpoint.Note.Span),
        checkpoint.IsVerified);

    public static EntryJson Of(LoggedEntry logged)
    {
        _ = EntryDetails.TryRead(logged.Bytes.Span, out var entry, out var error);
        return new(
            logged.Index,
            entry?.Kind.ToString().ToLowerInvariant(),
            entry?.Digest.ToString(),
            entry?.SizeBytes,
            entry?.SealedAt,
            string.IsNullOrEmpty(entry?.DocumentId) ? null : entry.DocumentId,
            entry?.IdempotencyKeySha256?.ToString(),
            entry?.MetadataCommitment?.ToString(),
            TreeHasher.HashLeaf(logged.Bytes.Span).ToString(),
            Convert.ToBase64String(logged.Bytes.Span),
            error);
    }

    public static ReceiptJson Of(Receipt receipt, string? writtenTo) =>
        new(receipt.Index, Convert.ToBase64String(receipt.Entry.Span), Encoding.UTF8.GetString(receipt.Format()), writtenTo);

    public static InclusionProofJson Of(ProvenInclusion proof) => new(
        proof.Index,
        proof.TreeSize,
        proof.LeafHash.ToString(),
        proof.RootHash.ToString(),
        [.. proof.Hashes.Select(static hash => hash.ToString())],
        Of(proof.Checkpoint));

    public static ConsistencyProofJson Of(ProvenConsistency proof) => new(
        proof.FirstSize,
        proof.SecondSize,
        proof.FirstRootHash.ToString(),
        proof.SecondRootHash.ToString(),
        [.. proof.Hashes.Select(static hash => hash.ToString())],
        Of(proof.Checkpoint));
}
