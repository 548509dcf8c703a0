using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class ClockTests
{
    [Fact]
    public async Task Time_MachinesClockJumps_NeverGoesBackFromBatchToBatch()
    {
        await using LedgerFixture fixture = new();
        ManualTime time = new(new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero));
        fixture.Time = time;
        SealLedger ledger = await fixture.OpenAsync();
        int[] jumpsMs = [0, 5, -60_000, 3, 86_400_000, -86_400_000, -1, 1, 0];
        foreach (int jump in jumpsMs)
        {
            time.Now += TimeSpan.FromMilliseconds(jump);
            using LedgerWriter writer = ledger.CreateWriter();
            Assert.True(writer.TryEnter());
            Assert.True(writer.TryAdd(1, Document(Digest(jump))));
            writer.Leave();
            time.Now -= TimeSpan.FromMilliseconds(7);
            Assert.True(writer.TryEnter());
            Assert.True(writer.TryAdd(2, Document(Digest(jump + 1))));
            writer.Leave();
            for (int read = 0; read < 2;)
            {
                using SealedSegment? segment = await writer.ReadSealedAsync(Token);
                read += segment!.Count;
            }
        }

        time.Now -= TimeSpan.FromDays(400);
        ledger = await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(2));
        long last = new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
        await foreach (EntryBundle bundle in ledger.ReadEntriesAsync(0, long.MaxValue, Token))
        {
            for (int i = 0; i < bundle.Count; i++)
            {
                long sealedAt = TimeOf(bundle[i].Span);
                Assert.True(sealedAt >= last, $"entry {bundle.FirstIndex + i} is {last - sealedAt} ms before the one before it");
                last = sealedAt;
            }
        }
    }

    [Fact]
    public async Task Time_ClockJumpsWhileManyWrite_NeverGoesBackFromBatchToBatch()
    {
        const int seed = 31;
        await using LedgerFixture fixture = new();
        ManualTime time = new(new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero));
        fixture.Time = time;
        fixture.Options = fixture.Options with { EntriesPerBatchMax = 40 };
        SealLedger ledger = await fixture.OpenAsync();
        using CancellationTokenSource done = new();
        Task jumping = Task.Run(
            () =>
            {
                Random random = new(seed);
                while (!done.IsCancellationRequested)
                {
                    time.Now += TimeSpan.FromMilliseconds(random.Next(-50, 52));
                }
            },
            Token);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(number => Task.Run(() => WriterTests.RunWriterAsync(ledger, number, 400), Token)));
        await done.CancelAsync();
        await jumping;
        await fixture.CloseAsync();

        long floor = 0;
        for (int i = 1; i < fixture.Memory.Count; i++)
        {
            Assert.True(RecordCodec.TryRead(fixture.Memory[i], out LedgerRecord record, out string? error), error);
            ReadOnlySpan<byte> entries = record.Entries.Span;
            long greatest = floor;
            while (!entries.IsEmpty)
            {
                long sealedAt = TimeOf(RecordCodec.TakeEntry(ref entries));
                Assert.True(sealedAt >= floor, $"seed {seed}: record {i} goes back by {floor - sealedAt} ms");
                greatest = Math.Max(greatest, sealedAt);
            }

            floor = greatest;
        }

        Assert.InRange(fixture.Memory.Count, 10, 4000);
    }

    private static long TimeOf(ReadOnlySpan<byte> entry)
    {
        Assert.True(LogEntryCodec.TryRead(entry, out LogEntry fields, out string? error), error);
        return fields.SealedAtUnixMs;
    }
}
