using Google.Protobuf;
using SealService.Ledger;
using SealService.Merkle;

namespace SealService.Services;

/// <summary>From the parts' own types to the contract's messages and back.</summary>
internal static class Messages
{
    public static Seal.V1.Receipt ToMessage(this Merkle.Receipt receipt) => new()
    {
        Entry = Wrap(receipt.Entry),
        Index = receipt.Index,
        InclusionProof = { receipt.InclusionProof.ToArray().Select(ToByteString) },
        Checkpoint = Wrap(receipt.Checkpoint),
    };

    public static Seal.V1.Checkpoint ToMessage(this SignedHead head, string origin) => new()
    {
        Note = Wrap(head.Note),
        Origin = origin,
        TreeSize = head.TreeSize,
        RootHash = head.RootHash.ToByteString(),
    };

    public static ByteString ToByteString(this MerkleHash hash) => ByteString.CopyFrom(hash.AsSpan());

    // Receipts' and heads' bytes are never written again, so they need no copy.
    public static ByteString Wrap(ReadOnlyMemory<byte> bytes) => UnsafeByteOperations.UnsafeWrap(bytes);
}
