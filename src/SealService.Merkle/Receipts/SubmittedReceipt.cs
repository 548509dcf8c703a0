using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>
/// A receipt to be checked, as views over memory that stays the caller's, and what is known of the document that it should be for.
/// </summary>
/// <param name="Entry">The LogEntry, verbatim.</param>
/// <param name="Index">The entry's index in the ledger, from 0.</param>
/// <param name="InclusionProof">The inclusion proof, the leaf's sibling first.</param>
/// <param name="Checkpoint">The signed note of the checkpoint that the proof leads to, verbatim.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct SubmittedReceipt(
    ReadOnlyMemory<byte> Entry, long Index, ReadOnlyMemory<MerkleHash> InclusionProof, ReadOnlyMemory<byte> Checkpoint)
{
    /// <summary>The document's SHA-256, computed by the caller; null: not compared.</summary>
    public MerkleHash? DocumentDigest { get; init; }

    /// <summary>The document's size; null: not compared.</summary>
    public long? DocumentSizeBytes { get; init; }

    /// <summary>Submits a receipt.</summary>
    public static SubmittedReceipt Of(Receipt receipt, MerkleHash? documentDigest = null, long? documentSizeBytes = null)
    {
        ArgumentNullException.ThrowIfNull(receipt);
        return new SubmittedReceipt(receipt.Entry, receipt.Index, receipt.InclusionProof, receipt.Checkpoint)
        {
            DocumentDigest = documentDigest,
            DocumentSizeBytes = documentSizeBytes,
        };
    }
}
