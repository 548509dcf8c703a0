using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>An inclusion proof (RFC 9162 section 2.1.3) and what it leads from and to.</summary>
/// <param name="Index">The entry's index.</param>
/// <param name="TreeSize">The size of the tree.</param>
/// <param name="LeafHash">The entry's leaf hash.</param>
/// <param name="RootHash">The root of the tree of that size.</param>
/// <param name="Hashes">The proof, the leaf's sibling first.</param>
public sealed record ProvenInclusion(long Index, long TreeSize, MerkleHash LeafHash, MerkleHash RootHash, IReadOnlyList<MerkleHash> Hashes);

/// <summary>A consistency proof (RFC 9162 section 2.1.4) and what it connects.</summary>
/// <param name="FirstSize">The size of the smaller tree.</param>
/// <param name="SecondSize">The size of the larger tree.</param>
/// <param name="FirstRootHash">The root of the smaller tree.</param>
/// <param name="SecondRootHash">The root of the larger tree.</param>
/// <param name="Hashes">The proof.</param>
public sealed record ProvenConsistency(
    long FirstSize, long SecondSize, MerkleHash FirstRootHash, MerkleHash SecondRootHash, IReadOnlyList<MerkleHash> Hashes);
