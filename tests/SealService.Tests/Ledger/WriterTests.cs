using SealService.Ledger;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class WriterTests
{
    [Fact]
    public async Task Writers_ManyAtOnce_GetDenseIndexesAndTheirOwnDocuments()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { EntriesPerBatchMax = 500, EntriesPerSegmentMax = 100, IndexKeysInMemoryMax = 4096 };
        SealLedger ledger = await fixture.OpenAsync();
        const int writers = 24;
        const int documents = 700;
        List<Receipt>[] receipts = await Task.WhenAll(
            Enumerable.Range(0, writers).Select(number => Task.Run(() => RunWriterAsync(ledger, number, documents), Token)));
        foreach (List<Receipt> own in receipts)
        {
            fixture.Acknowledged.AddRange(own);
        }

        IEnumerable<long> dense = Enumerable.Range(0, writers * documents).Select(i => (long)i);
        Assert.Equal(dense, fixture.Acknowledged.Select(receipt => receipt.Index).Order());
        await fixture.CheckAsync();
        await fixture.OpenAsync();
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task TryAdd_BatchFull_WaitsForTheNextBatch()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { EntriesPerBatchMax = 10 };
        SealLedger ledger = await fixture.OpenAsync();
        (TaskCompletionSource entered, TaskCompletionSource gate) = HoldSigner(fixture);
        using LedgerWriter writer = ledger.CreateWriter();
        AddOne(writer, 0);
        await entered.Task; // batch 1 is being signed, batch 2 is open
        Assert.True(writer.TryEnter());
        int added = 0;
        while (writer.TryAdd(1, Document(Digest(added))))
        {
            added++;
        }

        writer.Leave();
        Assert.Equal(10, added);
        Assert.False(writer.TryEnter());
        ValueTask<bool> waiting = writer.WaitToEnterAsync(Token);
        Assert.False(waiting.IsCompleted);
        gate.SetResult();
        Assert.True(await waiting);
        AddOne(writer, 1);
        await ExpectCountsAsync(writer, 1, 10, 1);
    }

    [Fact]
    public async Task TryAdd_SegmentFull_LeavesRoomForOthers()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { EntriesPerSegmentMax = 5 };
        SealLedger ledger = await fixture.OpenAsync();
        (TaskCompletionSource entered, TaskCompletionSource gate) = HoldSigner(fixture);
        using LedgerWriter greedy = ledger.CreateWriter();
        using LedgerWriter other = ledger.CreateWriter();
        AddOne(greedy, 0);
        await entered.Task;
        Assert.True(greedy.TryEnter());
        Assert.Equal(5, Enumerable.Range(0, 9).Count(i => greedy.TryAdd(1, Document(Digest(i)))));
        greedy.Leave();
        AddOne(other, 1);
        gate.SetResult();
        await ExpectCountsAsync(greedy, 1, 5);
        await ExpectCountsAsync(other, 1);
    }

    [Fact]
    public async Task TryAdd_BatchBytesFull_StaysWithinTheRecord()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { BatchBytesMax = 8 * 1024 };
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(1000));
        for (int i = 0; i < fixture.Memory.Count; i++)
        {
            Assert.InRange(fixture.Memory[i].Length, 1, 8 * 1024 + LedgerOptions.RecordOverheadBytesMax);
        }

        Assert.Equal(1000, ledger.Head.TreeSize);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Seal_BatchAtEveryLimit_FitsOnePage()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync(SealLedgerTests.OnDisk(fixture));
        (TaskCompletionSource entered, TaskCompletionSource gate) = HoldSigner(fixture);
        using LedgerWriter first = fixture.Ledger.CreateWriter();
        AddOne(first, 0);
        await entered.Task;
        List<LedgerWriter> writers = [];
        int added;
        do
        {
            LedgerWriter writer = fixture.Ledger.CreateWriter();
            writers.Add(writer);
            added = 0;
            Assert.True(writer.TryEnter());
            while (writer.TryAdd((ulong)added, Document(Digest(added), documentId: new string('d', 128))))
            {
                added++;
            }

            writer.Leave();
        }
        while (added > 0);
        gate.SetResult();
        long total = 1;
        foreach (LedgerWriter writer in writers.Take(writers.Count - 1))
        {
            using SealedSegment? segment = await writer.ReadSealedAsync(Token);
            Assert.Null(segment!.Failure);
            total += segment.Count;
            writer.Dispose();
        }

        Assert.Equal(fixture.Ledger.Head.TreeSize, total);
        Assert.InRange(total, 10_000, fixture.Options.EntriesPerBatchMax + 1);
        await fixture.CheckAsync();
        await fixture.CloseAsync();
        await fixture.OpenAsync(SealLedgerTests.OnDisk(fixture));
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Enter_AgainAndAgain_FillsOneSegmentABatch()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        (TaskCompletionSource entered, TaskCompletionSource gate) = HoldSigner(fixture);
        using LedgerWriter writer = ledger.CreateWriter();
        AddOne(writer, 0);
        await entered.Task;
        for (int i = 0; i < 50; i++)
        {
            AddOne(writer, i);
        }

        gate.SetResult();
        await ExpectCountsAsync(writer, 1, 50);
    }

    [Fact]
    public async Task Dispose_WithSegmentInFlight_AbandonsItAndTheEntriesStay()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        (TaskCompletionSource entered, TaskCompletionSource gate) = HoldSigner(fixture);
        LedgerWriter writer = ledger.CreateWriter();
        AddOne(writer, 0);
        await entered.Task;
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd(7, Document(Digest(7))));
        writer.Dispose();
        gate.SetResult();
        Assert.Equal(2, (await ledger.WaitForHeadAfterAsync(1, Token)).TreeSize);
        Assert.Null(await fixture.SealAsync(5));
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task ReadSealed_CompleteAndEverythingRead_GivesNull()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        AddOne(writer, 0);
        writer.Complete();
        await ExpectCountsAsync(writer, 1);
        Assert.Null(await writer.ReadSealedAsync(Token));
        using LedgerWriter idle = ledger.CreateWriter();
        ValueTask<SealedSegment?> reading = idle.ReadSealedAsync(Token);
        Assert.False(reading.IsCompleted);
        idle.Complete();
        Assert.Null(await reading);
    }

    [Fact]
    public async Task SealedSegment_DisposedTwice_HarmsNobody()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        AddOne(writer, 0);
        SealedSegment? old = await writer.ReadSealedAsync(Token);
        old!.Dispose();
        (TaskCompletionSource entered, TaskCompletionSource gate) = HoldSigner(fixture);
        AddOne(writer, 1); // in the memory that the old one gave back
        await entered.Task;
        old.Dispose();
        Assert.Throws<ObjectDisposedException>(() => old.Count);
        using LedgerWriter other = ledger.CreateWriter();
        AddOne(other, 2);
        gate.SetResult();
        await ExpectCountsAsync(writer, 1);
        await ExpectCountsAsync(other, 1);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task TryAdd_FirstDocumentOfABatchCannotBeAdded_SealsTheOthers()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        ClaimResult spent = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        spent.Claim!.Dispose();
        using LedgerWriter failing = ledger.CreateWriter();
        using LedgerWriter other = ledger.CreateWriter();
        for (int round = 0; round < 50; round++)
        {
            Assert.True(failing.TryEnter());
            Assert.Throws<ArgumentException>(() => failing.TryAdd(1, Document(Digest(1), spent.Claim)));
            failing.Leave();
            AddOne(other, round);
            await ExpectCountsAsync(other, 1);
        }

        Assert.Equal(50, ledger.Head.TreeSize);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Wait_Cancelled_ThrowsAndTheWriterGoesOn()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        using CancellationTokenSource cancelled = new();
        ValueTask<SealedSegment?> reading = writer.ReadSealedAsync(cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reading);
        AddOne(writer, 0);
        await ExpectCountsAsync(writer, 1);
    }

    internal static async Task<List<Receipt>> RunWriterAsync(SealLedger ledger, int number, int documents)
    {
        using LedgerWriter writer = ledger.CreateWriter();
        List<Receipt> receipts = [];
        Task reading = Task.Run(async () =>
        {
            while (await writer.ReadSealedAsync(Token) is { } segment)
            {
                using (segment)
                {
                    for (int i = 0; i < segment.Count; i++)
                    {
                        Receipt receipt = segment.GetReceipt(i);
                        Assert.Equal((ulong)receipts.Count, segment.References[i]);
                        receipts.Add(receipt);
                    }
                }
            }
        });
        for (int next = 0; next < documents && await writer.WaitToEnterAsync(Token);)
        {
            if (writer.TryEnter())
            {
                int groupEnd = Math.Min(next + 1 + (number % 9), documents);
                while (next < groupEnd && writer.TryAdd((ulong)next, Document(Digest((number * 1_000_000L) + next))))
                {
                    next++;
                }

                writer.Leave();
            }
        }

        writer.Complete();
        await reading;
        return receipts;
    }

    private static (TaskCompletionSource Entered, TaskCompletionSource Gate) HoldSigner(LedgerFixture fixture)
    {
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        fixture.Signer.Before = _ =>
        {
            entered.TrySetResult();
            return gate.Task;
        };
        return (entered, gate);
    }

    internal static void AddOne(LedgerWriter writer, int number)
    {
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd((ulong)number, Document(Digest(number))));
        writer.Leave();
    }

    internal static async Task ExpectCountsAsync(LedgerWriter writer, params int[] counts)
    {
        foreach (int count in counts)
        {
            using SealedSegment? segment = await writer.ReadSealedAsync(Token);
            Assert.Null(segment!.Failure);
            Assert.Equal(count, segment.Count);
        }
    }
}
