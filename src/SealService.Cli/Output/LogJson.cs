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
        checkpoint.SignedBy is not null,
        checkpoint.SignedBy?.ToString());

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
