using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>A receipt to be checked, and what is known of the document that it should be for.</summary>
/// <param name="Receipt">The receipt.</param>
/// <param name="DocumentDigest">The document's SHA-256, computed by the caller; null: not compared.</param>
/// <param name="DocumentSizeBytes">The document's size; null: not compared.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct SubmittedReceipt(Receipt Receipt, MerkleHash? DocumentDigest, long? DocumentSizeBytes);
