using SealService.Ledger;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;
using static SealService.Tests.Ledger.WriterTests;

namespace SealService.Tests.Ledger;

/// <summary>Writers whose readers fall behind wait: each for its own reader, all of a ledger for those that hold too many bytes.</summary>
public sealed class UnreadSegmentsTests
{
    [Fact]
    public async Task TryEnter_TooManyUnreadSegments_WaitsForTheReader()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { UnreadSegmentsPerWriterMax = 2 };
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        for (int i = 0; i < 2; i++)
        {
            AddOne(writer, i);
            await ledger.WaitForHeadAfterAsync(i, Token);
        }

        Assert.False(writer.TryEnter());
        ValueTask<bool> waiting = writer.WaitToEnterAsync(Token);
        Assert.False(waiting.IsCompleted);
        (await writer.ReadSealedAsync(Token))!.Dispose();
        Assert.True(await waiting);
        AddOne(writer, 2);
        await ExpectCountsAsync(writer, 1, 1);
    }

    [Fact]
    public async Task TryEnter_LedgerHasTooManyUnreadBytes_HoldsUpOnlyWritersWithUnreadSegments()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { UnreadBytesMax = 1 };
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter first = ledger.CreateWriter();
        using LedgerWriter second = ledger.CreateWriter();
        AddOne(first, 0);
        SealedSegment? ofFirst = await first.ReadSealedAsync(Token);
        Assert.False(first.TryEnter()); // read, but not disposed of
        AddOne(second, 1); // the ledger is over its maximum, but this writer holds none of it
        SealedSegment? ofSecond = await second.ReadSealedAsync(Token);
        Assert.False(second.TryEnter());
        ValueTask<bool> firstWaits = first.WaitToEnterAsync(Token);
        ValueTask<bool> secondWaits = second.WaitToEnterAsync(Token);
        Assert.False(firstWaits.IsCompleted);
        Assert.False(secondWaits.IsCompleted);
        ofFirst!.Dispose();
        Assert.True(await firstWaits); // the ledger is still over it: the writer holds nothing any more
        Assert.False(secondWaits.IsCompleted);
        AddOne(first, 2);
        ofSecond!.Dispose();
        Assert.True(await secondWaits);
        await ExpectCountsAsync(first, 1);
        AddOne(second, 3);
        await ExpectCountsAsync(second, 1);
    }

    [Fact]
    public async Task WaitToEnter_UnreadBytesFall_WakesWritersThatStillHoldSegments()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { UnreadBytesMax = 1500 }; // a segment of one entry takes some 900
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter waiter = ledger.CreateWriter();
        using LedgerWriter other = ledger.CreateWriter();
        AddOne(waiter, 1);
        using SealedSegment? kept = await waiter.ReadSealedAsync(Token);
        Assert.True(waiter.TryEnter()); // one segment is below the maximum
        waiter.Leave();
        AddOne(other, 2);
        SealedSegment? given = await other.ReadSealedAsync(Token);
        Assert.False(waiter.TryEnter());
        ValueTask<bool> waiting = waiter.WaitToEnterAsync(Token);
        Assert.False(waiting.IsCompleted);
        given!.Dispose();
        Assert.True(await waiting);
        AddOne(waiter, 3);
        await ExpectCountsAsync(waiter, 1);
    }

    [Fact]
    public async Task WaitToEnter_LedgerCloses_EndsTheWaitForReaders()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { UnreadBytesMax = 1 };
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        AddOne(writer, 0);
        using SealedSegment? kept = await writer.ReadSealedAsync(Token);
        ValueTask<bool> waiting = writer.WaitToEnterAsync(Token);
        Assert.False(waiting.IsCompleted);
        await fixture.CloseAsync();
        Assert.False(await waiting);
    }
}
