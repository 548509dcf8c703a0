using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Ledger.Derived;
using SealService.Ledger.Sequencing;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class IndexBacklogTests
{
    private const int BatchBytes = 1000;

    [Fact]
    public async Task Add_UpToTheBytes_DoesNotWaitForAnyNumberOfBatches()
    {
        IndexBacklog backlog = new(bytesMax: 100 * BatchBytes);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(backlog.AddAsync(Batch()).AsTask().IsCompletedSuccessfully);
        }

        Assert.Equal(100 * BatchBytes, backlog.Bytes);
        Task full = backlog.AddAsync(Batch()).AsTask();
        Assert.False(full.IsCompleted);
        backlog.Applied(BatchBytes);
        await full.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Add_BatchLargerThanAllTheRoom_WaitsUntilItIsApplied()
    {
        IndexBacklog backlog = new(bytesMax: BatchBytes - 1);
        Task add = backlog.AddAsync(Batch()).AsTask();
        Assert.True(backlog.TryTake(out SealedBatch? taken));
        Assert.False(add.IsCompleted);
        backlog.Applied(taken.HeldBytes);
        await add.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(0, backlog.Bytes);
    }

    [Fact]
    public async Task Take_BlocksUntilThereIsABatchOrNoMoreFollow()
    {
        IndexBacklog backlog = new(bytesMax: BatchBytes);
        Task<int> taking = Task.Run(() =>
        {
            int count = 0;
            for (; backlog.TryTake(out SealedBatch? batch); count++)
            {
                backlog.Applied(batch.HeldBytes);
            }

            return count;
        });
        for (int i = 0; i < 10; i++)
        {
            await backlog.AddAsync(Batch());
        }

        Assert.False(taking.IsCompleted);
        backlog.Complete();
        Assert.Equal(10, await taking.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Fail_TellsWhoWaitsAndWhoComesLater()
    {
        IndexBacklog backlog = new(bytesMax: 0);
        Task waiting = backlog.AddAsync(Batch()).AsTask();
        IOException cause = new("no disk");
        backlog.Fail(cause);
        Assert.Same(cause, (await Assert.ThrowsAsync<LedgerException>(() => waiting)).InnerException);
        Assert.Same(cause, (await Assert.ThrowsAsync<LedgerException>(() => backlog.AddAsync(Batch()).AsTask())).InnerException);
    }

    private static SealedBatch Batch() => new(new LedgerRecord(), new byte[BatchBytes], tree: null, address: 0, new CompactRange(), null!);
}
