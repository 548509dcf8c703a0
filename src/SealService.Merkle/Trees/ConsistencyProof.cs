using System.Numerics;

namespace SealService.Merkle;

/// <summary>
/// Consistency proofs (RFC 9162 section 2.1.4): the tree of <c>size1</c> leaves is a prefix of the tree of <c>size2</c> leaves.
/// </summary>
public static class ConsistencyProof
{
    /// <summary>The most hashes that a proof can have.</summary>
    public const int HashCountMax = 64;

    /// <summary>
    /// Writes the subtrees whose root hashes are the proof, in the proof's order, and returns their number. All are perfect
    /// but at most one, which lies on the larger tree's right edge. Equal sizes, and <paramref name="size1"/> = 0, have the empty proof.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="size1"/> is negative or more than <paramref name="size2"/>.
    /// </exception>
    public static int GetSubtrees(long size1, long size2, Span<Subtree> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size1, size2);
        if (size1 == 0 || size1 == size2)
        {
            return 0;
        }

        // The proof begins at the last perfect subtree of the smaller tree and goes up from it as an inclusion proof does;
        // when that subtree is the whole smaller tree, its root is known and is left out.
        int level = BitOperations.TrailingZeroCount(size1);
        int count = 0;
        if (!BitOperations.IsPow2(size1))
        {
            destination[count++] = new Subtree(size1 - (1L << level), size1);
        }

        for (long index = size1 - 1; level < InclusionProof.HashCountMax && (size2 - 1) >> level != 0; level++)
        {
            long sibling = (index >> level) ^ 1;
            if (sibling <= (size2 - 1) >> level)
            {
                long begin = sibling << level;
                destination[count++] = new Subtree(begin, InclusionProof.EndOf(begin, level, size2));
            }
        }

        return count;
    }

    /// <inheritdoc cref="GetSubtrees(long, long, Span{Subtree})"/>
    public static Subtree[] GetSubtrees(long size1, long size2)
    {
        Span<Subtree> subtrees = stackalloc Subtree[HashCountMax];
        return subtrees[..GetSubtrees(size1, size2, subtrees)].ToArray();
    }

    /// <summary>
    /// Whether <paramref name="proof"/> shows that the tree with <paramref name="rootHash1"/> is a prefix of the tree with
    /// <paramref name="rootHash2"/> (RFC 9162 section 2.1.4.2). The empty tree is a prefix of every tree, by the empty proof.
    /// </summary>
    public static bool Verify(long size1, long size2, in MerkleHash rootHash1, in MerkleHash rootHash2, ReadOnlySpan<MerkleHash> proof)
    {
        if (size1 < 0 || size1 > size2)
        {
            return false;
        }

        if (size1 == size2)
        {
            return proof.IsEmpty && rootHash1 == rootHash2 && (size1 != 0 || rootHash1 == TreeHasher.EmptyRoot);
        }

        if (size1 == 0)
        {
            return proof.IsEmpty && rootHash1 == TreeHasher.EmptyRoot;
        }

        if (proof.IsEmpty)
        {
            return false;
        }

        // The names are those of the RFC's algorithm.
        bool startsAtRoot1 = BitOperations.IsPow2(size1);
        MerkleHash fr = startsAtRoot1 ? rootHash1 : proof[0];
        MerkleHash sr = fr;
        long fn = size1 - 1;
        long sn = size2 - 1;
        int startLevel = BitOperations.TrailingZeroCount(~fn);
        fn >>= startLevel;
        sn >>= startLevel;
        foreach (ref readonly MerkleHash c in proof[(startsAtRoot1 ? 0 : 1)..])
        {
            if (sn == 0)
            {
                return false;
            }

            if ((fn & 1) == 1 || fn == sn)
            {
                fr = TreeHasher.HashChildren(c, fr);
                sr = TreeHasher.HashChildren(c, sr);
                while ((fn & 1) == 0 && fn != 0)
                {
                    fn >>= 1;
                    sn >>= 1;
                }
            }
            else
            {
                sr = TreeHasher.HashChildren(sr, c);
            }

            fn >>= 1;
            sn >>= 1;
        }

        return sn == 0 && fr == rootHash1 && sr == rootHash2;
    }
}
