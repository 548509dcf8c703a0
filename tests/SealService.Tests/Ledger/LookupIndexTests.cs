using System.Security.Cryptography;
using SealService.Ledger.Derived;
using SealService.Ledger.Derived.Lookup;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class LookupIndexTests
{
    private const int KeysInMemory = 64;

    [Fact]
    public async Task Find_OverMergesAndReopening_AgreesWithADictionary()
    {
        const int seed = 99;
        Random random = new(seed);
        using TemporaryFolder folder = new();
        Dictionary<ulong, List<long>> oracle = [];
        ulong[] often = [.. Enumerable.Range(0, 40).Select(_ => (ulong)random.NextInt64() * 2)];
        long next = 0;
        for (int round = 0; round < 3; round++)
        {
            LookupIndex index = LookupIndex.Open(folder.Path, KeysInMemory);
            for (int i = 0; i < 6000; i++, next++)
            {
                KeyPosition[] keys = [new(often[random.Next(often.Length)], next), new((ulong)random.NextInt64(), next)];
                index.Add(keys);
                foreach ((ulong fingerprint, _) in keys)
                {
                    (oracle.TryGetValue(fingerprint, out List<long>? indexes) ? indexes : oracle[fingerprint] = []).Insert(0, next);
                }

                if (i % 1000 == 0)
                {
                    ExpectSame(index, oracle, random);
                }
            }

            index.Flush(next);
            await index.Merging;
            Assert.Equal(next, index.RunsEnd);
            ExpectSame(index, oracle, random);
        }

        Assert.InRange(Directory.GetFiles(folder.Path, "run.*").Length, 1, 40); // of more than 500 runs
    }

    [Fact]
    public async Task Find_WhileAddingAndMerging_NeverMissesWhatWasAdded()
    {
        using TemporaryFolder folder = new();
        LookupIndex index = LookupIndex.Open(folder.Path, KeysInMemory);
        long added = -1;
        using CancellationTokenSource done = new();
        Task[] readers = [.. Enumerable.Range(0, 2).Select(reader => Task.Run(() =>
        {
            Random random = new(reader);
            while (!done.IsCancellationRequested)
            {
                long upTo = Volatile.Read(ref added);
                if (upTo >= 0)
                {
                    long wanted = random.NextInt64(upTo + 1);
                    Assert.Contains(wanted, index.Find(FingerprintOf(wanted), long.MaxValue, 10));
                }
            }
        }))];
        for (long next = 0; next < 20_000; next++)
        {
            index.Add([new KeyPosition(FingerprintOf(next), next)]);
            Volatile.Write(ref added, next);
        }

        await index.Merging;
        await done.CancelAsync();
        await Task.WhenAll(readers);
    }

    [Fact]
    public async Task Open_LeftoversOfAMerge_AreRemoved()
    {
        using TemporaryFolder folder = new();
        LookupIndex index = LookupIndex.Open(folder.Path, KeysInMemory);
        for (long next = 0; next < 7; next++)
        {
            index.Add([new KeyPosition(FingerprintOf(next), next)]);
            index.Flush(next + 1);
        }

        List<(string Path, byte[] Bytes)> before = [.. Directory.GetFiles(folder.Path, "run.*").Select(path => (path, File.ReadAllBytes(path)))];
        Assert.Equal(7, before.Count);
        index.Add([new KeyPosition(FingerprintOf(7), 7)]);
        index.Flush(8); // the eighth run begins the merge
        await index.Merging;
        Assert.Single(Directory.GetFiles(folder.Path, "run.*"));
        foreach ((string path, byte[] bytes) in before)
        {
            await File.WriteAllBytesAsync(path, bytes, TestContext.Current.CancellationToken);
        }

        await File.WriteAllBytesAsync(folder["run.unfinished.new"], [1, 2, 3], TestContext.Current.CancellationToken);
        index = LookupIndex.Open(folder.Path, KeysInMemory);
        Assert.Single(Directory.GetFiles(folder.Path, "run.*"));
        for (long next = 0; next < 8; next++)
        {
            Assert.Equal([next], index.Find(FingerprintOf(next), long.MaxValue, 10));
        }
    }

    [Fact]
    public void Open_GapBetweenRuns_IsRefused()
    {
        using TemporaryFolder folder = new();
        LookupIndex index = LookupIndex.Open(folder.Path, KeysInMemory);
        for (long next = 0; next < 3; next++)
        {
            index.Add([new KeyPosition(FingerprintOf(next), next)]);
            index.Flush(next + 1);
        }

        File.Delete(folder[SortedRun.FileName(1, 2)]);
        Assert.Throws<DerivedDataException>(() => LookupIndex.Open(folder.Path, KeysInMemory));
    }

    [Fact]
    public void Find_ExtremeFingerprints_AreFound()
    {
        using TemporaryFolder folder = new();
        LookupIndex index = LookupIndex.Open(folder.Path, KeysInMemory);
        ulong[] fingerprints = [0, 1, ulong.MaxValue, ulong.MaxValue - 1, 1UL << 63, (1UL << 63) - 1, 0, ulong.MaxValue];
        for (int i = 0; i < fingerprints.Length; i++)
        {
            index.Add([new KeyPosition(fingerprints[i], i)]);
        }

        index.Flush(fingerprints.Length);
        Assert.Equal([6, 0], index.Find(0, long.MaxValue, 10));
        Assert.Equal([7, 2], index.Find(ulong.MaxValue, long.MaxValue, 10));
        Assert.Equal([2], index.Find(ulong.MaxValue, 7, 10));
        Assert.Equal([7], index.Find(ulong.MaxValue, long.MaxValue, 1));
        Assert.Equal([4], index.Find(1UL << 63, long.MaxValue, 10));
        Assert.Empty(index.Find(2, long.MaxValue, 10));
    }

    [Fact]
    public void Find_KeysThatAreNotSpreadEvenly_AreFound()
    {
        // Far from where an even spread would have them, on many pages, and one key over several pages.
        using TemporaryFolder folder = new();
        LookupIndex index = LookupIndex.Open(folder.Path, 20_000);
        const int keys = 5_000;
        for (int i = 0; i < keys; i++)
        {
            index.Add([new KeyPosition((ulong)i * 3, 2 * i), new KeyPosition(ulong.MaxValue - 7, (2 * i) + 1)]);
        }

        index.Flush(2 * keys);
        for (int i = 0; i < keys; i++)
        {
            Assert.Equal([2L * i], index.Find((ulong)i * 3, long.MaxValue, 2));
            Assert.Empty(index.Find(((ulong)i * 3) + 1, long.MaxValue, 2));
        }

        Assert.Equal(Enumerable.Range(0, keys).Select(i => (2L * (keys - 1 - i)) + 1), index.Find(ulong.MaxValue - 7, long.MaxValue, keys + 1));
        Assert.Equal([1_999L, 1_997L], index.Find(ulong.MaxValue - 7, 2_000, 2));
    }

    private static void ExpectSame(LookupIndex index, Dictionary<ulong, List<long>> oracle, Random random)
    {
        foreach ((ulong fingerprint, List<long> indexes) in oracle)
        {
            if (random.Next(20) == 0 || indexes.Count > 5)
            {
                int max = random.Next(1, 20);
                long before = random.Next(2) == 0 ? long.MaxValue : indexes[random.Next(indexes.Count)];
                Assert.Equal(indexes.Where(candidate => candidate < before).Take(max), index.Find(fingerprint, before, max));
            }
        }

        for (int i = 0; i < 200; i++)
        {
            ulong absent = (ulong)random.NextInt64();
            Assert.Equal(oracle.ContainsKey(absent), index.Find(absent, long.MaxValue, 1).Count > 0);
        }
    }

    private static ulong FingerprintOf(long index) => BitConverter.ToUInt64(SHA256.HashData(BitConverter.GetBytes(index)));
}
