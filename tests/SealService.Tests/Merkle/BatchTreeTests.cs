using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class BatchTreeTests
{
    private const int SizeMax = 600;

    private static readonly RecursiveTree Tree = RecursiveTree.OfCounting(SizeMax);
    private static readonly MerkleHash[] LeafHashes = Tree.LeafHashes;

    [Fact]
    public void AllSmallRuns_InAllSmallTrees()
    {
        for (int size = 1; size <= 20; size++)
        {
            for (int begin = 0; begin < size; begin++)
            {
                for (int end = begin + 1; end <= size; end++)
                {
                    AssertRun(begin, end, size);
                }
            }
        }
    }

    [Fact]
    public void RandomRuns_InLargerTrees()
    {
        Random random = SeededRandom.Create();
        for (int run = 0; run < 60; run++)
        {
            int size = random.Next(1, SizeMax + 1);
            int begin = random.Next(size);
            AssertRun(begin, random.Next(begin + 1, size + 1), size);
        }
    }

    [Fact]
    public void Batch_SplitIntoRandomSegments_GivesEachItsRanges()
    {
        Random random = SeededRandom.Create();
        Span<MerkleHash> left = stackalloc MerkleHash[CompactRange.HashCountMax];
        Span<MerkleHash> right = stackalloc MerkleHash[CompactRange.HashCountMax];
        for (int run = 0; run < 40; run++)
        {
            int size = random.Next(1, SizeMax + 1);
            int first = random.Next(size);
            using var batch = new BatchTree(Range(0, first), LeafHashes.AsSpan(first, size - first));
            Assert.Equal(Tree.Root(0, size), batch.RootHash);
            Assert.Equal(Range(0, size).Hashes, batch.ToCompactRange().Hashes);

            for (int begin = first, end; begin < size; begin = end)
            {
                end = random.Next(begin + 1, Math.Min(size, begin + 50) + 1);
                int leftCount = batch.WriteLeftRange(begin, left);
                int rightCount = batch.WriteRightRange(end, right);

                // What a segment is sent makes the same tree again.
                using var segment = new BatchTree(
                    new CompactRange(0, begin, left[..leftCount]),
                    LeafHashes.AsSpan(begin, end - begin),
                    new CompactRange(end, size, right[..rightCount]));
                Assert.Equal(batch.RootHash, segment.RootHash);
            }
        }
    }

    [Fact]
    public void HugeLeftRange_IsFarFromOverflow()
    {
        long first = (1L << 62) - 1;
        var left = new CompactRange(0, first, new MerkleHash[CompactRange.GetHashCount(0, first)]);
        using var batch = new BatchTree(left, LeafHashes.AsSpan(0, 3));
        CompactRange grown = left.Clone();
        grown.Append(LeafHashes.AsSpan(0, 3));
        Assert.Equal(grown.GetRootHash(), batch.RootHash);
        Assert.Equal(grown.Hashes, batch.ToCompactRange().Hashes);
    }

    [Fact]
    public void PartsThatMakeNoTree_Throw()
    {
        Assert.Throws<ArgumentException>(() => new BatchTree(Range(0, 3), []));
        Assert.Throws<ArgumentException>(() => new BatchTree(Range(1, 3), LeafHashes.AsSpan(3, 1)));
        Assert.Throws<ArgumentException>(() => new BatchTree(Range(0, 3), LeafHashes.AsSpan(3, 1), Range(5, 6)));
    }

    [Fact]
    public void BoundsOutsideTheRun_Throw()
    {
        using var batch = new BatchTree(Range(0, 3), LeafHashes.AsSpan(3, 2));
        var hashes = new MerkleHash[CompactRange.HashCountMax];
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.WriteLeftRange(2, hashes));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.WriteRightRange(6, hashes));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.WriteInclusionProof(2, hashes));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.WriteInclusionProof(5, hashes));
    }

    [Fact]
    public void Disposed_Throws()
    {
        var batch = new BatchTree(Range(0, 3), LeafHashes.AsSpan(3, 2));
        batch.Dispose();
        batch.Dispose();
        Assert.Throws<ObjectDisposedException>(() => batch.RootHash);
        Assert.Throws<ObjectDisposedException>(() => batch.GetPerfectRoots(0).Length);
    }

    private static void AssertPerfectRoots(BatchTree batch)
    {
        for (int level = 0; level <= 11; level++)
        {
            int width = 1 << level;
            IEnumerable<MerkleHash> endWithin = Enumerable.Range(0, SizeMax / width)
                .Where(i => (i + 1) * width > batch.Begin && (i + 1) * width <= batch.End)
                .Select(i => Tree.Root(i * width, (i + 1) * width));
            Assert.Equal(endWithin, batch.GetPerfectRoots(level).ToArray());
        }
    }

    private static void AssertRun(int begin, int end, int size)
    {
        using var batch = new BatchTree(Range(0, begin), LeafHashes.AsSpan(begin, end - begin), Range(end, size));
        Assert.Equal(Tree.Root(0, size), batch.RootHash);
        Assert.Equal(Tree.Hashes(RecursiveTree.Cover(0, size)), batch.ToCompactRange().Hashes);
        AssertPerfectRoots(batch);

        Span<MerkleHash> hashes = stackalloc MerkleHash[CompactRange.HashCountMax];
        for (int bound = begin; bound <= end; bound++)
        {
            Assert.Equal(Tree.Hashes(RecursiveTree.Cover(0, bound)), hashes[..batch.WriteLeftRange(bound, hashes)].ToArray());
            Assert.Equal(Tree.Hashes(RecursiveTree.Cover(bound, size)), hashes[..batch.WriteRightRange(bound, hashes)].ToArray());
            if (bound < end)
            {
                MerkleHash[] proof = hashes[..batch.WriteInclusionProof(bound, hashes)].ToArray();
                Assert.Equal(batch.GetInclusionProofHashCount(bound), proof.Length);
                Assert.Equal(Tree.Hashes(RecursiveTree.Path(bound, size)), proof);
            }
        }
    }

    private static CompactRange Range(int begin, int end)
    {
        var range = new CompactRange(begin);
        range.Append(LeafHashes.AsSpan(begin, end - begin));
        return range;
    }
}
