using System.Text;
using SealService.Client;
using SealService.Merkle;

namespace SealService.Cli.Output;

/// <summary>What is read from a ledger, as text.</summary>
internal static class LogText
{
    /// <summary>The note as it was signed, so that it can be saved; what is said of it goes to standard error.</summary>
    public static string Of(SignedCheckpoint checkpoint) => Encoding.UTF8.GetString(checkpoint.Note.Span).TrimEnd('\n');

    public static string Of(LoggedEntry logged) =>
        EntryDetails.TryRead(logged.Bytes.Span, out var entry, out var error)
            ? $"{logged.Index,10}  {Timestamps.Format(entry.SealedAt)}  {entry.Digest}  {entry.SizeBytes,12}  {entry.DocumentId}".TrimEnd()
            : $"{logged.Index,10}  not an entry that is known here: {error}";

    public static string Of(ProvenInclusion proof) =>
        $"Entry {proof.Index} is in the tree of {proof.TreeSize} entries.\n"
        + $"leaf  {proof.LeafHash}\n{Lines(proof.Hashes)}root  {proof.RootHash}\n{AnchorOf(proof.TreeSize, proof.Checkpoint)}";

    public static string Of(ProvenConsistency proof) =>
        $"The tree of {proof.FirstSize} entries is a prefix of the tree of {proof.SecondSize}.\n"
        + $"first   {proof.FirstRootHash}\n{Lines(proof.Hashes)}second  {proof.SecondRootHash}\n{AnchorOf(proof.SecondSize, proof.Checkpoint)}";

    private static string Lines(IEnumerable<MerkleHash> hashes) => string.Concat(hashes.Select(static hash => $"      {hash}\n"));

    private static string AnchorOf(long size, SignedCheckpoint head) =>
        (head.Checkpoint.TreeSize == size
            ? $"The root is that of the newest head of {head.Checkpoint.Origin}. "
            : $"The tree is a prefix of the newest head of {head.Checkpoint.Origin}, of {head.Checkpoint.TreeSize} entries. ")
        + SignatureOf(head);

    public static string SignatureOf(SignedCheckpoint checkpoint) => checkpoint.IsVerified
        ? "Signed by a trusted key."
        : "The signature was not checked: no key is trusted.";
}
