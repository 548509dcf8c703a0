using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

/// <summary>What every document passes through allocates nothing.</summary>
public sealed class AllocationTests
{
    private const int Repetitions = 10;

    [Fact]
    public void HashingAndEntries_AllocateNothing()
    {
        var document = new byte[1_024];
        var digest = new byte[Sha256.DigestSize];
        var salt = new byte[LogEntry.SaltBytes];
        var entry = new byte[LogEntryCodec.WrittenBytesMax];
        using var incremental = new Sha256Incremental();

        AssertAllocates(0, () =>
        {
            Sha256.HashData(document, digest);
            incremental.Append(document);
            incremental.Finish(digest);
            var values = new LogEntry { Kind = EntryKind.Document, Salt = salt, DigestAlgorithm = DigestAlgorithm.Sha256, Digest = digest };
            int length = LogEntryCodec.Write(values, entry);
            LogEntryCodec.TryRead(entry.AsSpan(0, length), out _, out _);
            TreeHasher.HashLeaf(entry.AsSpan(0, length));
        });
    }

    [Fact]
    public void BatchTree_AllocatesTheSameForAnyNumberOfLeaves()
    {
        var left = new CompactRange();
        left.Append(new MerkleHash[77]);
        var few = new MerkleHash[1];
        var many = new MerkleHash[5_000];
        var range = new MerkleHash[CompactRange.HashCountMax];
        long bytesForFew = Measure(() => Build(few));
        AssertAllocates(bytesForFew, () => Build(many));

        void Build(MerkleHash[] leafHashes)
        {
            using var batch = new BatchTree(left, leafHashes);
            batch.WriteLeftRange(78, range);
            batch.WriteRightRange(78, range);
            batch.WriteInclusionProof(77, range);
        }
    }

    private static void AssertAllocates(long bytes, Action action) => Assert.Equal(bytes, Measure(action));

    // The best of several: the first ones may fill pools.
    private static long Measure(Action action)
    {
        long least = long.MaxValue;
        for (int run = 0; run < 5; run++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Repetitions; i++)
            {
                action();
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
