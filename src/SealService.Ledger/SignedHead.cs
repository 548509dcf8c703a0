using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>A durable, signed head of the ledger.</summary>
/// <param name="TreeSize">The number of entries.</param>
/// <param name="RootHash">The root of the tree of these entries.</param>
/// <param name="Note">The signed checkpoint, verbatim (C2SP tlog-checkpoint).</param>
public sealed record SignedHead(long TreeSize, MerkleHash RootHash, ReadOnlyMemory<byte> Note);
