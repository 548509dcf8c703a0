using SealService.Ledger;
using SealService.Ledger.Storage;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

/// <summary>While many entries come, batches keep an interval. The intervals here are longer than what is done within them can take.</summary>
public sealed class BatchIntervalTests : IAsyncDisposable
{
    /// <summary>Of the tests that wait for its end.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    /// <summary>Of the tests in which nothing may wait for its end: the longest that is allowed.</summary>
    private static readonly TimeSpan LongestInterval = TimeSpan.FromSeconds(10);

    /// <summary>For what does not wait at all: less than the half after which the longest interval ends by itself when nothing comes.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>For what may wait a half, or has many intervals to wait for if it waits.</summary>
    private static readonly TimeSpan LongPatience = TimeSpan.FromSeconds(9);

    private readonly LedgerFixture _fixture = new();

    /// <summary>From how many entries on the long interval is kept: never, and after batches of eight.</summary>
    public static TheoryData<int> Intervals => [int.MaxValue, 8];

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task AfterALargeBatch_EntriesOfTheIntervalMakeOneBatch()
    {
        await OpenAsync(entriesPerBatchMax: 1000, interval: Interval, longInterval: Interval);
        Assert.Null(await _fixture.SealAsync(8));
        int signatures = _fixture.Signer.Signatures;
        LedgerFailure?[] failures = await Task.WhenAll(_fixture.SealAsync(1), _fixture.SealAsync(1), SealLaterAsync());
        Assert.All(failures, Assert.Null);
        Assert.Equal(signatures + 1, _fixture.Signer.Signatures);
        await _fixture.CheckAsync();

        async Task<LedgerFailure?> SealLaterAsync()
        {
            await Task.Delay(50, Token);
            return await _fixture.SealAsync(1);
        }
    }

    [Theory]
    [InlineData(16, long.MaxValue)]
    [InlineData(int.MaxValue, 16 * LedgerFixture.DocumentBytes)]
    public async Task AfterAVeryLargeBatch_TheLongIntervalLastsWhileEntriesCome(int entriesMin, long documentBytesMin)
    {
        _fixture.Options = _fixture.Options with { EntriesForLongIntervalMin = entriesMin, DocumentBytesForLongIntervalMin = documentBytesMin };
        await OpenAsync(entriesPerBatchMax: 100_000, interval: TimeSpan.Zero, longInterval: 2 * Interval);
        Assert.Null(await _fixture.SealAsync(16));
        int signatures = _fixture.Signer.Signatures;
        Task<LedgerFailure?> first = _fixture.SealAsync(1);
        List<Task<LedgerFailure?>> all = [first];
        while (!first.IsCompleted)
        {
            all.Add(_fixture.SealAsync(1));
            await Task.Delay(20, Token);
        }

        Assert.All(await Task.WhenAll(all), Assert.Null);
        Assert.InRange(all.Count, 10, int.MaxValue); // entries came for a good part of the interval
        Assert.InRange(_fixture.Signer.Signatures - signatures, 1, 2); // and one for those that came while the first was signed
        await _fixture.CheckAsync();
    }

    [Fact]
    public async Task AfterAVeryLargeBatch_NothingWaitsWhenNothingComes()
    {
        _fixture.Options = _fixture.Options with { EntriesForLongIntervalMin = 16 };
        await OpenAsync(entriesPerBatchMax: 1000, interval: TimeSpan.Zero, longInterval: LongestInterval);
        Assert.Null(await _fixture.SealAsync(16));
        Assert.Null(await _fixture.SealAsync(16).WaitAsync(LongPatience, Token)); // a quarter of it, or two
    }

    [Fact]
    public async Task AfterASmallBatch_NothingWaits()
    {
        _fixture.Options = _fixture.Options with { DocumentBytesForLongIntervalMin = 1 };
        await OpenAsync(entriesPerBatchMax: 1000);
        for (int i = 0; i < 20; i++)
        {
            Assert.Null(await _fixture.SealAsync(7).WaitAsync(Patience, Token));
        }
    }

    [Theory]
    [MemberData(nameof(Intervals))]
    public async Task FullBatch_DoesNotWait(int entriesForLongIntervalMin)
    {
        _fixture.Options = _fixture.Options with { EntriesForLongIntervalMin = entriesForLongIntervalMin };
        await OpenAsync(entriesPerBatchMax: 8);
        await AllButTheLastEightAreSealedAsync(8 * 20);
    }

    [Theory]
    [MemberData(nameof(Intervals))]
    public async Task FullSegment_DoesNotWait(int entriesForLongIntervalMin)
    {
        _fixture.Options = _fixture.Options with { EntriesPerSegmentMax = 8, EntriesForLongIntervalMin = entriesForLongIntervalMin };
        await OpenAsync(entriesPerBatchMax: 1000);
        await AllButTheLastEightAreSealedAsync(8 * 20);
    }

    [Theory]
    [MemberData(nameof(Intervals))]
    public async Task Fault_EndsTheWait(int entriesForLongIntervalMin)
    {
        _fixture.Options = _fixture.Options with { EntriesForLongIntervalMin = entriesForLongIntervalMin, EntriesBesideWriteMin = 0, AppendTimeout = TimeSpan.FromMilliseconds(200) };
        await OpenAsync(entriesPerBatchMax: 1000);
        _fixture.Memory.NextFault = StorageFault.HangBeforePersisted;
        Task<LedgerFailure?> written = _fixture.SealAsync(8);
        Task<LedgerFailure?> waiting = _fixture.SealAsync(1);
        await Task.WhenAll(written, waiting).WaitAsync(Patience, Token);
        Assert.Equal(LedgerError.StateUnknown, (await written)?.Error);
    }

    [Theory]
    [MemberData(nameof(Intervals))]
    public async Task Stop_EndsTheWait(int entriesForLongIntervalMin)
    {
        _fixture.Options = _fixture.Options with { EntriesForLongIntervalMin = entriesForLongIntervalMin };
        await OpenAsync(entriesPerBatchMax: 1000);
        Assert.Null(await _fixture.SealAsync(8));
        Task<LedgerFailure?> waiting = _fixture.SealAsync(1);
        await _fixture.Ledger.DisposeAsync().AsTask().WaitAsync(Patience, Token);
        Assert.Null(await waiting);
    }

    /// <summary>The last ones may wait, as their writer has no more: for the interval's end, or until the ledger is closed.</summary>
    private async Task AllButTheLastEightAreSealedAsync(int count)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(Token);
        patience.CancelAfter(LongPatience);
        Task<LedgerFailure?> all = _fixture.SealAsync(count);
        while (_fixture.AcknowledgedCount < count - 8)
        {
            await Task.Delay(10, patience.Token);
        }

        await _fixture.CloseAsync();
        Assert.Null(await all);
    }

    private async Task OpenAsync(int entriesPerBatchMax, TimeSpan? interval = null, TimeSpan? longInterval = null)
    {
        _fixture.Options = _fixture.Options with
        {
            BatchInterval = interval ?? LongestInterval,
            LongBatchInterval = longInterval ?? LongestInterval,
            EntriesForIntervalMin = 8,
            EntriesPerBatchMax = entriesPerBatchMax,
        };
        await _fixture.OpenAsync();
    }
}
