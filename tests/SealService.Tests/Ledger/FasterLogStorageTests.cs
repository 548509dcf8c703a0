using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using SealService.Ledger;
using SealService.Ledger.Storage;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class FasterLogStorageTests
{
    private static readonly FasterLogStorageOptions Options = new()
    {
        PageBytes = 64 << 10,
        MemoryBytes = 256 << 10,
        SegmentBytes = 128 << 10,
    };

    [Fact]
    public async Task Append_OverSegmentsAndRestarts_ScansAndReadsEverything()
    {
        const int seed = 7;
        Random random = new(seed);
        using TemporaryFolder folder = new();
        List<StoredRecord> written = [];
        for (int round = 0; round < 5; round++)
        {
            await using FasterLogStorage storage = Open(folder);
            await ExpectScanAsync(storage, written, 0);
            for (int i = 0; i < 20; i++)
            {
                byte[] record = new byte[random.Next(1, i == 7 ? storage.RecordBytesMax : 3000)];
                random.NextBytes(record);
                written.Add(new StoredRecord(await storage.AppendAsync(record, Token), record));
            }

            StoredRecord middle = written[written.Count / 2];
            await ExpectScanAsync(storage, written[(written.Count / 2)..], middle.Address);
            foreach (StoredRecord record in written)
            {
                Assert.Equal(record.Bytes, await storage.ReadAsync(record.Address, Token));
            }
        }

        Assert.True(Directory.GetFiles(folder["records"]).Length > 1);
    }

    [Fact]
    public async Task Append_RecordOfTheMaximum_Fits()
    {
        using TemporaryFolder folder = new();
        await using FasterLogStorage storage = Open(folder);
        byte[] record = RandomNumberGenerator.GetBytes(storage.RecordBytesMax);
        long first = await storage.AppendAsync(record, Token);
        long second = await storage.AppendAsync(record, Token);
        Assert.Equal(record, await storage.ReadAsync(first, Token));
        Assert.Equal(record, await storage.ReadAsync(second, Token));
        byte[] tooLarge = new byte[storage.RecordBytesMax + 1];
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await storage.AppendAsync(tooLarge, Token));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await storage.AppendAsync(ReadOnlyMemory<byte>.Empty, Token));
    }

    [Fact]
    public async Task Open_FolderInUse_ThrowsAndNamesTheFolder()
    {
        using TemporaryFolder folder = new();
        await using (Open(folder))
        {
            LedgerLockedException exception = Assert.Throws<LedgerLockedException>(() => Open(folder));
            Assert.Contains(folder.Path, exception.Message, StringComparison.Ordinal);
        }

        await using FasterLogStorage again = Open(folder);
        Assert.True(again.IsEmpty);
    }

    [Fact]
    public async Task Open_WithOtherSizes_RefusesAndSaysSo()
    {
        using TemporaryFolder folder = new();
        List<StoredRecord> written = await WriteAsync(folder, 3);
        LedgerException exception = Assert.Throws<LedgerException>(
            () => FasterLogStorage.Open(folder.Path, Options with { PageBytes = 128 << 10 }, NullLoggerFactory.Instance));
        Assert.Contains("65536", exception.Message, StringComparison.Ordinal);
        await using FasterLogStorage storage = Open(folder);
        await ExpectScanAsync(storage, written, 0);
    }

    [Fact]
    public async Task Open_CommitMetadataMissing_RefusesAndNamesTheFile()
    {
        using TemporaryFolder folder = new();
        await WriteAsync(folder, 3);
        File.Delete(folder["commit", "slots"]);
        LedgerDamagedException exception = Assert.Throws<LedgerDamagedException>(() => Open(folder));
        Assert.Contains(folder["commit", "slots"], exception.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["commit", "slots"]));
    }

    [Fact]
    public async Task Open_RecordsMissing_Refuses()
    {
        using TemporaryFolder folder = new();
        await WriteAsync(folder, 3);
        Directory.Delete(folder["records"], recursive: true);
        Assert.Throws<LedgerDamagedException>(() => Open(folder));
    }

    [Fact]
    public async Task Open_OneSlotDamaged_GoesOnWithTheOther()
    {
        foreach (long offset in new[] { 40L, 4096 + 40 })
        {
            using TemporaryFolder folder = new();
            List<StoredRecord> written = await WriteAsync(folder, 4);
            Flip(folder["commit", "slots"], offset);
            await using FasterLogStorage storage = Open(folder);
            await ExpectScanAsync(storage, written, 0);
        }
    }

    [Fact]
    public async Task Open_BothSlotsDamaged_RefusesAndNamesTheFile()
    {
        using TemporaryFolder folder = new();
        await WriteAsync(folder, 4);
        Flip(folder["commit", "slots"], 40);
        Flip(folder["commit", "slots"], 4096 + 40);
        LedgerDamagedException exception = Assert.Throws<LedgerDamagedException>(() => Open(folder));
        Assert.Contains(folder["commit", "slots"], exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    public async Task Open_RecordsTruncated_NeverStartsShort(double share)
    {
        using TemporaryFolder folder = new();
        StoredRecord last = (await WriteAsync(folder, 60))[^1];
        long end = (last.Address % Options.SegmentBytes) + last.Bytes.Length; // the file goes on with zeros to the end of the sector
        string newest = folder["records", $"log.{last.Address / Options.SegmentBytes}"];
        using (FileStream file = new(newest, FileMode.Open))
        {
            Assert.InRange(file.Length, end, long.MaxValue);
            file.SetLength((long)(end * share) & ~511L);
        }

        await Assert.ThrowsAsync<LedgerDamagedException>(() => ScanAllAsync(folder));
    }

    [Fact]
    public async Task Scan_SectorZeroedOrByteFlippedAnywhere_NeverPassesUnnoticed()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync(SealLedgerTests.OnDisk(fixture));
        for (int i = 0; i < 12; i++)
        {
            Assert.Null(await fixture.SealAsync(5));
        }

        await fixture.CloseAsync();
        Directory.Delete(fixture.Folder["derived"], recursive: true);
        string path = fixture.Folder["records", "log.0"];
        byte[] good = await File.ReadAllBytesAsync(path, Token);
        int noticed = 0;
        int used = good.AsSpan().LastIndexOfAnyExcept((byte)0);
        for (int sector = 0; sector <= used; sector += 512)
        {
            foreach (int kind in new[] { 0, 1, 2 })
            {
                byte[] harmed = [.. good];
                Span<byte> target = harmed.AsSpan(sector, Math.Min(512, harmed.Length - sector));
                switch (kind)
                {
                    case 0:
                        target.Clear();
                        break;
                    case 1:
                        target[100] ^= 0x40;
                        break;
                    default: // the storage engine's XOR does not see these two
                        target[64] ^= 0x02;
                        target[64 + 8] ^= 0x02;
                        break;
                }

                if (harmed.AsSpan().SequenceEqual(good))
                {
                    continue;
                }

                await File.WriteAllBytesAsync(path, harmed, Token);
                try
                {
                    await fixture.OpenAsync(SealLedgerTests.OnDisk(fixture));
                    await fixture.CheckAsync(); // what the damage did not touch, a commit record or padding, may do without
                    Assert.Equal(60, fixture.Ledger.Head.TreeSize);
                }
                catch (LedgerDamagedException)
                {
                    noticed++;
                }

                await fixture.CloseAsync();
                if (Directory.Exists(fixture.Folder["derived"]))
                {
                    Directory.Delete(fixture.Folder["derived"], recursive: true);
                }
            }
        }

        Assert.InRange(noticed, used / 512, long.MaxValue); // at least one of the three in each sector, on average
        await File.WriteAllBytesAsync(path, good, Token);
        await fixture.OpenAsync(SealLedgerTests.OnDisk(fixture));
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task HasRoomFor_LessThanTheMinimumIsFree_SaysNo()
    {
        using TemporaryFolder folder = new();
        FasterLogStorageOptions greedy = Options with { FreeBytesMin = long.MaxValue - (1L << 32) };
        await using (FasterLogStorage storage = FasterLogStorage.Open(folder.Path, greedy, NullLoggerFactory.Instance))
        {
            Assert.False(storage.HasRoomFor(1));
        }

        FasterLogStorageOptions modest = Options with { FreeBytesMin = 0 };
        await using FasterLogStorage roomy = FasterLogStorage.Open(folder.Path, modest, NullLoggerFactory.Instance);
        Assert.True(roomy.HasRoomFor(1));
    }

    [Fact]
    public async Task Open_CopyOfARunningLog_HasEverythingAcknowledged()
    {
        // The truth that a process leaves behind when it is killed. What it derives changes while it is copied.
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { IndexKeysInMemoryMax = 64, EntriesPerSnapshot = 70 };
        await fixture.OpenAsync(SealLedgerTests.OnDisk(fixture));
        for (int i = 0; i < 20; i++)
        {
            Assert.Null(await fixture.SealAsync(9));
            if (i % 4 == 3)
            {
                await using LedgerFixture copy = new();
                copy.UseSignerOf(fixture);
                Copy(fixture.Folder["records"], copy.Folder["records"]);
                Copy(fixture.Folder["commit"], copy.Folder["commit"]);
                copy.Acknowledged.AddRange(fixture.Acknowledged);
                await copy.OpenAsync(SealLedgerTests.OnDisk(copy));
                await copy.CheckAsync();
                Assert.Null(await copy.SealAsync(3));
                await copy.CheckAsync();
            }
        }
    }

    [Fact]
    public async Task Append_CommitMetadataCannotBeWritten_FailsAndLosesNothingAcknowledged()
    {
        // FasterLog by itself would acknowledge this.
        using TemporaryFolder folder = new();
        List<StoredRecord> written = await WriteAsync(folder, 2);
        FasterLogStorage storage = Open(folder);
        storage.Commits.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(async () => await storage.AppendAsync(new byte[100], Token));
        await Assert.ThrowsAsync<LedgerException>(async () => await storage.AppendAsync(new byte[100], Token));
        await storage.DisposeAsync();
        await using FasterLogStorage again = Open(folder);
        List<StoredRecord> found = await ReadAllAsync(again);
        Assert.Equal(written.Select(record => record.Address), found.Take(2).Select(record => record.Address));
        Assert.Equal(3, found.Count); // the durable tail that was not acknowledged is kept
    }

    private static FasterLogStorage Open(TemporaryFolder folder) => FasterLogStorage.Open(folder.Path, Options, NullLoggerFactory.Instance);

    private static async Task<List<StoredRecord>> WriteAsync(TemporaryFolder folder, int count)
    {
        await using FasterLogStorage storage = Open(folder);
        List<StoredRecord> written = [];
        for (int i = 0; i < count; i++)
        {
            byte[] record = RandomNumberGenerator.GetBytes(1000 + i);
            written.Add(new StoredRecord(await storage.AppendAsync(record, Token), record));
        }

        return written;
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string source in Directory.GetFiles(from))
        {
            // File.Copy would want nobody to write.
            using FileStream input = new(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using FileStream output = new(Path.Combine(to, Path.GetFileName(source)), FileMode.Create);
            input.CopyTo(output);
        }
    }

    private static async Task ScanAllAsync(TemporaryFolder folder)
    {
        await using FasterLogStorage storage = Open(folder);
        await ReadAllAsync(storage);
    }

    private static async Task<List<StoredRecord>> ReadAllAsync(FasterLogStorage storage, long from = 0)
    {
        List<StoredRecord> records = [];
        await foreach (StoredRecord record in storage.ScanAsync(from, Token))
        {
            records.Add(record);
        }

        return records;
    }

    private static async Task ExpectScanAsync(FasterLogStorage storage, List<StoredRecord> expected, long from)
    {
        List<StoredRecord> found = await ReadAllAsync(storage, from);
        Assert.Equal(expected.Select(record => record.Address), found.Select(record => record.Address));
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Bytes, pair.Second.Bytes));
    }

    private static void Flip(string path, long offset)
    {
        using FileStream file = new(path, FileMode.Open);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 1));
    }
}
