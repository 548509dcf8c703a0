using System.Numerics;

namespace SealService.Merkle;

/// <summary>Inclusion proofs (RFC 9162 section 2.1.3): an entry is leaf <c>index</c> of the tree of <c>treeSize</c> leaves.</summary>
public static class InclusionProof
{
    /// <summary>The most hashes that a proof can have.</summary>
    public const int HashCountMax = 63;

    /// <summary>
    /// The number of hashes of the proof of leaf <paramref name="index"/> in the tree of <paramref name="treeSize"/> leaves.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such leaf.</exception>
    public static int GetHashCount(long index, long treeSize)
    {
        ThrowUnlessLeaf(index, treeSize);

        // Up to the level where the path meets the right edge there is a sibling on each level; above, only left siblings.
        int inner = 64 - BitOperations.LeadingZeroCount((ulong)index ^ (ulong)(treeSize - 1));
        return inner + BitOperations.PopCount((ulong)index >> inner);
    }

    /// <summary>
    /// Writes the subtrees whose root hashes are the proof, in the proof's order (the leaf's sibling first), and returns
    /// their number. All are perfect but at most one, which lies on the tree's right edge.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such leaf.</exception>
    public static int GetSubtrees(long index, long treeSize, Span<Subtree> destination)
    {
        ThrowUnlessLeaf(index, treeSize);
        int count = 0;
        for (int level = 0; level < HashCountMax && (treeSize - 1) >> level != 0; level++)
        {
            long sibling = (index >> level) ^ 1;
            long begin = sibling << level;
            if (sibling <= (treeSize - 1) >> level)
            {
                destination[count++] = new Subtree(begin, EndOf(begin, level, treeSize));
            }
        }

        return count;
    }

    /// <inheritdoc cref="GetSubtrees(long, long, Span{Subtree})"/>
    public static Subtree[] GetSubtrees(long index, long treeSize)
    {
        var subtrees = new Subtree[GetHashCount(index, treeSize)];
        GetSubtrees(index, treeSize, subtrees);
        return subtrees;
    }

    /// <summary>Whether <paramref name="proof"/> leads from the leaf to <paramref name="rootHash"/> (RFC 9162 section 2.1.3.2).</summary>
    public static bool Verify(in MerkleHash leafHash, long index, long treeSize, ReadOnlySpan<MerkleHash> proof, in MerkleHash rootHash) =>
        TryGetRootHash(leafHash, index, treeSize, proof, out MerkleHash root) && root == rootHash;

    /// <summary>
    /// The root that <paramref name="proof"/> leads to from the leaf. False when the leaf is outside the tree or the proof has
    /// another number of hashes than the tree's shape demands.
    /// </summary>
    public static bool TryGetRootHash(
        in MerkleHash leafHash, long index, long treeSize, ReadOnlySpan<MerkleHash> proof, out MerkleHash rootHash)
    {
        var walk = new InclusionWalk(leafHash, index, treeSize, proof.Length);
        while (walk.IsUnderWay)
        {
            walk.Step(TreeHasher.HashChildren(walk.Left(proof), walk.Right(proof)));
        }

        rootHash = walk.Hash;
        return walk.IsComplete;
    }

    // Without overflow where begin + 2^level is more than the largest size.
    internal static long EndOf(long begin, int level, long treeSize) =>
        (treeSize - begin) >> level == 0 ? treeSize : begin + (1L << level);

    private static void ThrowUnlessLeaf(long index, long treeSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, treeSize);
    }
}
