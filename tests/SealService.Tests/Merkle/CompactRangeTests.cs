using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class CompactRangeTests
{
    private const int SizeMax = 130;

    private static readonly RecursiveTree Tree = RecursiveTree.OfCounting(SizeMax);

    [Fact]
    public void Append_AllRanges_HoldsTheFewestPerfectSubtrees()
    {
        Span<Subtree> subtrees = stackalloc Subtree[CompactRange.HashCountMax];
        for (int begin = 0; begin <= SizeMax; begin++)
        {
            var range = new CompactRange(begin);
            for (int end = begin; end <= SizeMax; end++)
            {
                List<Subtree> expected = RecursiveTree.Cover(begin, end);
                Assert.Equal(expected.Count, CompactRange.GetHashCount(begin, end));
                Assert.Equal(expected, subtrees[..CompactRange.GetSubtrees(begin, end, subtrees)].ToArray());
                Assert.Equal(Tree.Hashes(expected), range.Hashes);
                Assert.Equal(end, range.End);
                if (end < SizeMax)
                {
                    range.Append(Tree.Root(end, end + 1));
                }
            }
        }
    }

    [Fact]
    public void TryMergeRight_AllSplits_IsTheWholeRange()
    {
        for (int begin = 0; begin <= 40; begin++)
        {
            for (int middle = begin; middle <= 40; middle++)
            {
                for (int end = middle; end <= 40; end++)
                {
                    CompactRange range = Range(begin, middle);
                    Assert.True(range.TryMergeRight(Range(middle, end)));
                    Assert.Equal(Tree.Hashes(RecursiveTree.Cover(begin, end)), range.Hashes);
                    Assert.Equal(end, range.End);
                }
            }
        }
    }

    [Fact]
    public void TryMergeRight_Gap_ChangesNothing()
    {
        CompactRange range = Range(0, 5);
        Assert.False(range.TryMergeRight(Range(6, 7)));
        Assert.Equal(Tree.Root(0, 5), range.GetRootHash());
    }

    [Fact]
    public void GetRootHash_AllSizes_IsTheTreesRoot()
    {
        for (int size = 0; size <= SizeMax; size++)
        {
            Assert.Equal(Tree.Root(0, size), Range(0, size).GetRootHash());
        }

        Assert.Throws<InvalidOperationException>(() => Range(1, 2).GetRootHash());
    }

    [Fact]
    public void WriteTo_TryRead_GivesTheSameRange()
    {
        CompactRange range = Range(3, 77);
        var bytes = new byte[CompactRange.GetHashCount(3, 77) * MerkleHash.Size];
        Assert.Equal(bytes.Length, range.WriteTo(bytes));

        Assert.True(CompactRange.TryRead(3, 77, bytes, out CompactRange? read));
        Assert.Equal(range.Hashes, read.Hashes);
        read.Append(Tree.Root(77, 78));
        Assert.Equal(Tree.Hashes(RecursiveTree.Cover(3, 78)), read.Hashes);
        Assert.Equal(77, range.End);
    }

    [Fact]
    public void TryRead_WrongLengthOrBounds_IsFalse()
    {
        Assert.False(CompactRange.TryRead(0, 3, new byte[63], out _));
        Assert.False(CompactRange.TryRead(0, 3, new byte[96], out _));
        Assert.False(CompactRange.TryRead(-1, 3, new byte[64], out _));
        Assert.False(CompactRange.TryRead(3, 2, [], out _));
        Assert.True(CompactRange.TryRead(3, 3, [], out _));
    }

    private static CompactRange Range(int begin, int end)
    {
        var range = new CompactRange(begin);
        range.Append(Tree.LeafHashes.AsSpan(begin, end - begin));
        return range;
    }
}
