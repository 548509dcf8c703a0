using SealService.Ledger;
using SealService.Ledger.Storage;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

/// <summary>A batch is signed while the one before it is being written: nothing of it is seen before both are durable.</summary>
public sealed class SignAheadTests : IAsyncDisposable
{
    private readonly LedgerFixture _fixture = new();
    private readonly TaskCompletionSource _disk = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task Write_IsUnderWay_NextBatchIsSignedAndNotAcknowledged()
    {
        SignedHead before = await OpenAsync(entriesBesideWriteMin: 0);
        (Task<LedgerFailure?> first, Task<LedgerFailure?> second) = await SealTwoAsync();
        await UntilSignaturesAsync(2);
        Assert.False(first.IsCompleted || second.IsCompleted);
        Assert.Equal(before, _fixture.Ledger.Head);

        _disk.SetResult();
        Assert.Null(await first);
        Assert.Null(await second);
        Assert.Equal(12, _fixture.Ledger.Head.TreeSize);
        await _fixture.CheckAsync();
    }

    [Fact]
    public async Task Write_IsUnderWay_SmallBatchWaits()
    {
        await OpenAsync(entriesBesideWriteMin: 1000); // the second has seven
        (Task<LedgerFailure?> first, Task<LedgerFailure?> second) = await SealTwoAsync();
        await Task.Delay(100, Token);
        Assert.Equal(1, Signatures);

        _disk.SetResult();
        Assert.Null(await first);
        Assert.Null(await second);
        await _fixture.CheckAsync();
    }

    [Theory]
    [InlineData(StorageFault.FailBeforePersisted, 0)]
    [InlineData(StorageFault.FailAfterPersisted, 5)]
    public async Task Write_Fails_NextBatchFailsTooAndIsNeverWritten(StorageFault fault, long found)
    {
        await OpenAsync(entriesBesideWriteMin: 0);
        _fixture.Memory.NextFault = fault;
        (Task<LedgerFailure?> first, Task<LedgerFailure?> second) = await SealTwoAsync();
        await UntilSignaturesAsync(2);
        _disk.SetResult();
        Assert.Equal(LedgerError.StateUnknown, (await first)?.Error);
        Assert.Equal(LedgerError.StateUnknown, (await second)?.Error);
        Assert.NotNull(await _fixture.Ledger.Faulted);

        await _fixture.OpenAsync();
        Assert.Equal(found, _fixture.Ledger.Head.TreeSize);
        Assert.Null(await _fixture.SealAsync(3));
        await _fixture.CheckAsync();
    }

    [Fact]
    public async Task Sign_FailsDuringAWrite_FailsThatBatchOnlyAndAfterTheOneBefore()
    {
        await OpenAsync(entriesBesideWriteMin: 0);
        int failed = 0;
        (Task<LedgerFailure?> first, Task<LedgerFailure?> second) = await SealTwoAsync(() =>
        {
            _fixture.Signer.FailNext = true;
            _fixture.Signer.Before = _ =>
            {
                failed++;
                return Task.CompletedTask;
            };
        });
        await UntilAsync(() => failed == 1);
        await Task.Delay(50, Token);
        Assert.False(second.IsCompleted); // answers come in the order of the batches

        _disk.SetResult();
        Assert.Null(await first);
        Assert.Equal(LedgerError.SigningFailed, (await second)?.Error);
        Assert.Null(await _fixture.SealAsync(4));
        Assert.Equal(9, _fixture.Ledger.Head.TreeSize);
        await _fixture.CheckAsync();
    }

    private int Signatures => _fixture.Signer.Signatures - 1; // the first is of the empty tree

    private async Task<SignedHead> OpenAsync(int entriesBesideWriteMin)
    {
        _fixture.Options = _fixture.Options with { EntriesBesideWriteMin = entriesBesideWriteMin };
        SealLedger ledger = await _fixture.OpenAsync();
        _fixture.Memory.BeforeAppend = _ => new ValueTask(_disk.Task);
        return ledger.Head;
    }

    // Five entries whose write waits for the disk, and seven behind them.
    private async Task<(Task<LedgerFailure?> First, Task<LedgerFailure?> Second)> SealTwoAsync(Action? between = null)
    {
        Task<LedgerFailure?> first = _fixture.SealAsync(5);
        await UntilSignaturesAsync(1);
        between?.Invoke();
        return (first, _fixture.SealAsync(7));
    }

    private Task UntilSignaturesAsync(int count) => UntilAsync(() => Signatures == count);

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(1, Token);
        }
    }
}
