using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

/// <summary><see cref="SealLedger.SealAsync"/>: callers with one document each, who share a segment of a batch.</summary>
public sealed class SharedWriterTests
{
    [Fact]
    public async Task SealAsync_ManyCallersAndLittleRoom_GivesEachTheReceiptOfItsOwnDocument()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { EntriesPerBatchMax = 40, EntriesPerSegmentMax = 30, UnreadSegmentsPerWriterMax = 1, IndexKeysInMemoryMax = 4096 };
        SealLedger ledger = await fixture.OpenAsync();
        const int callers = 60;
        const int documents = 50;
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(
            async () =>
            {
                for (int i = 0; i < documents; i++)
                {
                    await SealAsync(fixture, (caller * documents) + i);
                }
            },
            Token)));

        Assert.Equal(callers * documents, ledger.Head.TreeSize);
        await fixture.CheckAsync();
        Assert.Equal(callers * documents, fixture.Acknowledged.Select(SaltOf).Distinct().Count());
        await fixture.OpenAsync();
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task SealAsync_CallersOfOneBatch_ShareASignatureAndNotASalt()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        SignerGate gate = new(fixture.Signer);
        Task first = SealAsync(fixture, 0);
        await gate.Entered;
        Task[] others = [.. Enumerable.Range(1, 100).Select(i => SealAsync(fixture, i))];
        int before = fixture.Signer.Signatures;
        gate.Open();
        await first;
        await Task.WhenAll(others);

        Assert.Equal(before + 2, fixture.Signer.Signatures);
        Assert.Equal(101, fixture.Acknowledged.Select(SaltOf).Distinct().Count());
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task SealAsync_CancelledInABatch_LeavesTheOthersTheirOwnReceipts()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        SignerGate gate = new(fixture.Signer);
        using CancellationTokenSource cancellation = new();
        Task[] kept = new Task[20];
        Task[] cancelled = new Task[20];
        for (int i = 0; i < kept.Length; i++)
        {
            cancelled[i] = ledger.SealAsync(Document(Digest(1000 + i)), cancellation.Token).AsTask();
            kept[i] = SealAsync(fixture, i);
        }

        await gate.Entered;
        await cancellation.CancelAsync();
        foreach (Task task in cancelled)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        }

        gate.Open();
        await Task.WhenAll(kept);
        Assert.Equal(40, ledger.Head.TreeSize);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task SealAsync_CancelledWithoutRoom_SealsItNotAndLetsTheNextOneIn()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { EntriesPerBatchMax = 1 };
        SealLedger ledger = await fixture.OpenAsync();
        SignerGate gate = new(fixture.Signer);
        Task signed = SealAsync(fixture, 0);
        await gate.Entered;
        Task open = SealAsync(fixture, 1); // fills the next batch
        using CancellationTokenSource cancellation = new();
        Task waitsForRoom = ledger.SealAsync(Document(Digest(1000)), cancellation.Token).AsTask();
        Task waitsForItsTurn = ledger.SealAsync(Document(Digest(1001)), cancellation.Token).AsTask();
        Task next = SealAsync(fixture, 2);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waitsForRoom);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waitsForItsTurn);
        gate.Open();
        await Task.WhenAll(signed, open, next);
        Assert.Equal(3, ledger.Head.TreeSize);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task SealAsync_NoSignature_FailsAndTheNextIsSealed()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        fixture.Signer.FailNext = true;
        SealOutcome outcome = await ledger.SealAsync(Document(Digest(1000)), Token);
        Assert.Equal(LedgerError.SigningFailed, outcome.Failure?.Error);
        Assert.Null(outcome.Receipt);
        await SealAsync(fixture, 0);
        Assert.Equal(1, ledger.Head.TreeSize);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task SealAsync_WriteFails_SaysThatTheStateIsUnknownAndThenThatTheLedgerIsClosed()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        fixture.Memory.NextFault = StorageFault.FailBeforePersisted;
        Assert.Equal(LedgerError.StateUnknown, (await ledger.SealAsync(Document(Digest(1)), Token)).Failure?.Error);
        await ledger.Faulted;
        Assert.Equal(LedgerError.Closing, (await ledger.SealAsync(Document(Digest(2)), Token)).Failure?.Error);
    }

    [Fact]
    public async Task SealAsync_LedgerCloses_SealsWhatWasAddedAndRefusesTheRest()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { EntriesPerBatchMax = 1 };
        SealLedger ledger = await fixture.OpenAsync();
        SignerGate gate = new(fixture.Signer);
        Task signed = SealAsync(fixture, 0);
        await gate.Entered;
        Task added = SealAsync(fixture, 1);
        Task<SealOutcome> waiting = ledger.SealAsync(Document(Digest(2)), Token).AsTask();
        Task closing = ledger.DisposeAsync().AsTask();
        gate.Open();
        await Task.WhenAll(signed, added, closing);
        Assert.Equal(LedgerError.Closing, (await waiting).Failure?.Error);
        Assert.Equal(LedgerError.Closing, (await ledger.SealAsync(Document(Digest(3)), Token)).Failure?.Error);
        await fixture.OpenAsync();
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task SealAsync_SpentClaim_ThrowsAndOthersAreSealed()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        ClaimResult claim = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(0)), Token);
        Assert.Null((await ledger.SealAsync(Document(Digest(0), claim.Claim), Token)).Failure);
        await Assert.ThrowsAsync<ArgumentException>(() => ledger.SealAsync(Document(Digest(0), claim.Claim), Token).AsTask());
        await SealAsync(fixture, 1);
        Assert.Equal(2, ledger.Head.TreeSize);
        Assert.Equal(ClaimOutcome.Sealed, (await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(0)), Token)).Outcome);
    }

    private static async Task SealAsync(LedgerFixture fixture, int number)
    {
        string id = $"document {number}";
        SealOutcome outcome = await fixture.Ledger.SealAsync(Document(Digest(number), documentId: id), Token);
        Assert.Null(outcome.Failure);
        Assert.True(LogEntryCodec.TryRead(outcome.Receipt!.Entry.Span, out LogEntry entry, out string? error), error);
        Assert.Equal(Digest(number), entry.Digest.ToArray());
        Assert.Equal(id, System.Text.Encoding.UTF8.GetString(entry.DocumentId));
        lock (fixture.Acknowledged)
        {
            fixture.Acknowledged.Add(outcome.Receipt);
        }
    }

    private static string SaltOf(Receipt receipt)
    {
        Assert.True(LogEntryCodec.TryRead(receipt.Entry.Span, out LogEntry entry, out string? error), error);
        return Convert.ToHexString(entry.Salt);
    }

    /// <summary>Holds all signatures from the next one on.</summary>
    private sealed class SignerGate
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SignerGate(TestSigner signer) => signer.Before = _ =>
        {
            _entered.TrySetResult();
            return _open.Task;
        };

        public Task Entered => _entered.Task;

        public void Open() => _open.SetResult();
    }
}
