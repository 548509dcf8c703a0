using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class ProofTests
{
    private const int SizeMax = 130;

    private static readonly RecursiveTree Tree = RecursiveTree.OfCounting(SizeMax);

    [Fact]
    public void KnownAnswers_RootsAndInclusion()
    {
        string[] leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        MerkleHash[] leafHashes = [.. leaves.Select(hex => TreeHasher.HashLeaf(Convert.FromHexString(hex)))];

        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Root(leafHashes.AsSpan(0, 0)).ToString());
        Assert.Equal("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", Root(leafHashes.AsSpan(0, 1)).ToString());
        Assert.Equal("aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77", Root(leafHashes.AsSpan(0, 3)).ToString());
        Assert.Equal("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", Root(leafHashes).ToString());

        MerkleHash[] proof =
        [
            Hex("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
            Hex("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
            Hex("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ];
        using var batch = new BatchTree(new CompactRange(), leafHashes);
        var built = new MerkleHash[batch.GetInclusionProofHashCount(5)];
        batch.WriteInclusionProof(5, built);
        Assert.Equal(proof, built);
        Assert.True(InclusionProof.Verify(leafHashes[5], 5, 8, proof, batch.RootHash));

        // The level 0 tile of these leaves.
        Assert.Equal(
            "aea2f1bbb5140fd5f8eacb503fdf54c00c3d860c72588e40233addd416bc8f10",
            Sha256.HashData(MerkleHash.AsBytes(leafHashes.AsSpan())).ToString());
    }

    [Fact]
    public void Inclusion_AllSizesAndIndexes_AgreesWithTheRecursiveDefinition()
    {
        for (int size = 1; size <= SizeMax; size++)
        {
            for (int index = 0; index < size; index++)
            {
                List<Subtree> expected = RecursiveTree.Path(index, size);
                Assert.Equal(expected, InclusionProof.GetSubtrees(index, size));
                Assert.Equal(expected.Count, InclusionProof.GetHashCount(index, size));
                AssertResolvable(expected, size);

                MerkleHash[] proof = Tree.Hashes(expected);
                Assert.True(InclusionProof.Verify(Tree.Root(index, index + 1), index, size, proof, Tree.Root(0, size)));
            }
        }
    }

    [Fact]
    public void Inclusion_AnyOtherIndexSizeOrProof_DoesNotVerify()
    {
        for (int size = 1; size <= 34; size++)
        {
            for (int index = 0; index < size; index++)
            {
                MerkleHash leaf = Tree.Root(index, index + 1);
                MerkleHash root = Tree.Root(0, size);
                MerkleHash[] proof = Tree.Hashes(RecursiveTree.Path(index, size));
                for (int other = -1; other <= size + 1; other++)
                {
                    Assert.Equal(other == index, InclusionProof.Verify(leaf, other, size, proof, root));
                }

                Assert.False(InclusionProof.Verify(leaf, index, index, proof, root));
                Assert.False(InclusionProof.Verify(Tree.Root(0, 0), index, size, proof, root));
                Assert.False(InclusionProof.Verify(leaf, index, size, proof, leaf == root ? default : leaf));
                Assert.False(InclusionProof.Verify(leaf, index, size, [.. proof, root], root));
                for (int i = 0; i < proof.Length; i++)
                {
                    Assert.False(InclusionProof.Verify(leaf, index, size, [.. proof[..i], .. proof[(i + 1)..]], root));
                    Assert.False(InclusionProof.Verify(leaf, index, size, [.. proof[..i], leaf, .. proof[(i + 1)..]], root));
                }
            }
        }
    }

    [Fact]
    public void Consistency_AllSizes_AgreesWithTheRecursiveDefinition()
    {
        for (int size2 = 1; size2 <= SizeMax; size2++)
        {
            for (int size1 = 1; size1 <= size2; size1++)
            {
                List<Subtree> expected = RecursiveTree.Proof(size1, size2);
                Assert.Equal(expected, ConsistencyProof.GetSubtrees(size1, size2));
                AssertResolvable(expected, size2);

                MerkleHash[] proof = Tree.Hashes(expected);
                Assert.True(ConsistencyProof.Verify(size1, size2, Tree.Root(0, size1), Tree.Root(0, size2), proof));
            }
        }
    }

    [Fact]
    public void Consistency_AnyOtherSizeRootOrProof_DoesNotVerify()
    {
        for (int size2 = 1; size2 <= 34; size2++)
        {
            for (int size1 = 1; size1 < size2; size1++)
            {
                MerkleHash root1 = Tree.Root(0, size1);
                MerkleHash root2 = Tree.Root(0, size2);
                MerkleHash[] proof = Tree.Hashes(RecursiveTree.Proof(size1, size2));
                for (int other = -1; other <= size2; other++)
                {
                    Assert.Equal(other == size1, ConsistencyProof.Verify(other, size2, root1, root2, proof));
                }

                Assert.False(ConsistencyProof.Verify(size2, size1, root2, root1, proof));
                Assert.False(ConsistencyProof.Verify(size1, size2, root2, root2, proof));
                Assert.False(ConsistencyProof.Verify(size1, size2, root1, root1, proof));
                Assert.False(ConsistencyProof.Verify(size1, size2, root1, root2, []));
                Assert.False(ConsistencyProof.Verify(size1, size2, root1, root2, [.. proof, root2]));
                for (int i = 0; i < proof.Length; i++)
                {
                    Assert.False(ConsistencyProof.Verify(size1, size2, root1, root2, [.. proof[..i], .. proof[(i + 1)..]]));
                    Assert.False(ConsistencyProof.Verify(size1, size2, root1, root2, [.. proof[..i], default, .. proof[(i + 1)..]]));
                }
            }
        }
    }

    [Fact]
    public void Consistency_EqualOrEmptyTrees_WantTheEmptyProof()
    {
        MerkleHash empty = TreeHasher.EmptyRoot;
        MerkleHash root = Tree.Root(0, 5);
        Assert.True(ConsistencyProof.Verify(5, 5, root, root, []));
        Assert.False(ConsistencyProof.Verify(5, 5, root, root, [root]));
        Assert.False(ConsistencyProof.Verify(5, 5, root, empty, []));
        Assert.True(ConsistencyProof.Verify(0, 5, empty, root, []));
        Assert.False(ConsistencyProof.Verify(0, 5, root, root, []));
        Assert.False(ConsistencyProof.Verify(0, 5, empty, root, [root]));
        Assert.True(ConsistencyProof.Verify(0, 0, empty, empty, []));
        Assert.False(ConsistencyProof.Verify(0, 0, root, root, []));
        Assert.Empty(ConsistencyProof.GetSubtrees(0, 5));
        Assert.Empty(ConsistencyProof.GetSubtrees(5, 5));
    }

    [Fact]
    public void GetSubtrees_LargestTree_FitsTheNamedMaxima()
    {
        Assert.Equal(InclusionProof.HashCountMax, InclusionProof.GetSubtrees(0, long.MaxValue).Length);
        Assert.Equal(new Subtree(1L << 62, long.MaxValue), InclusionProof.GetSubtrees(0, long.MaxValue)[^1]);
        Assert.InRange(ConsistencyProof.GetSubtrees(3, long.MaxValue).Length, 1, ConsistencyProof.HashCountMax);
        Assert.Equal(63, ConsistencyProof.GetSubtrees(1, long.MaxValue).Length);
        Assert.InRange(CompactRange.GetHashCount(1, long.MaxValue), 1, CompactRange.HashCountMax);
        Assert.Equal(CompactRange.HashCountMax, CompactRange.GetHashCount(1, long.MaxValue));
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(1, 1)]
    [InlineData(0, 0)]
    public void GetSubtrees_NoSuchLeaf_Throws(long index, long size)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => InclusionProof.GetSubtrees(index, size));
        Assert.Throws<ArgumentOutOfRangeException>(() => InclusionProof.GetHashCount(index, size));
    }

    // What storage of perfect nodes has to be able to rely on.
    private static void AssertResolvable(List<Subtree> subtrees, int size)
    {
        Assert.InRange(subtrees.Count(subtree => !subtree.IsPerfect), 0, 1);
        foreach (Subtree subtree in subtrees)
        {
            Assert.True(subtree.IsPerfect || subtree.End == size);
            Assert.Equal(subtree.Begin, subtree.IndexInLevel << subtree.Level);

            List<Subtree> cover = RecursiveTree.Cover((int)subtree.Begin, (int)subtree.End);
            Assert.Equal(Tree.Root((int)subtree.Begin, (int)subtree.End), TreeHasher.HashRightEdge(Tree.Hashes(cover)));
        }
    }

    private static MerkleHash Root(ReadOnlySpan<MerkleHash> leafHashes)
    {
        var range = new CompactRange();
        range.Append(leafHashes);
        return range.GetRootHash();
    }

    private static MerkleHash Hex(string hex) => MerkleHash.Read(Convert.FromHexString(hex));
}
