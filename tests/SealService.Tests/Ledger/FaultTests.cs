using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class FaultTests
{
    /// <summary>Where it fails, whether the record is there after a restart, and what the waiters are told.</summary>
    public static TheoryData<StorageFault, bool> StorageFaults => new()
    {
        { StorageFault.FailBeforePersisted, false },
        { StorageFault.FailAfterPersisted, true },
        { StorageFault.HangBeforePersisted, false },
        { StorageFault.HangAfterPersisted, true },
    };

    [Theory]
    [MemberData(nameof(StorageFaults))]
    public async Task Append_Fails_StopsUntilReopenedAndLosesNothing(StorageFault fault, bool persisted)
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { AppendTimeout = TimeSpan.FromSeconds(1) };
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(40));
        await fixture.CheckAsync();
        SignedHead before = fixture.Ledger.Head;

        fixture.Memory.NextFault = fault;
        LedgerFailure? failure = await fixture.SealAsync(25);
        Assert.Equal(LedgerError.StateUnknown, failure?.Error);
        Assert.False(failure!.Retryable);
        Assert.NotNull(await fixture.Ledger.Faulted);
        Assert.Equal(before, fixture.Ledger.Head);
        using (LedgerWriter writer = fixture.Ledger.CreateWriter())
        {
            Assert.False(writer.TryEnter());
            Assert.False(await writer.WaitToEnterAsync(Token));
        }

        await fixture.OpenAsync();
        Assert.Equal(persisted, fixture.Ledger.Head.TreeSize > before.TreeSize);
        await fixture.CheckAsync();
        Assert.Null(await fixture.SealAsync(10));
        await fixture.CheckAsync();
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    public async Task Sign_Fails_FailsTheseWaitersOnlyAndReleasesTheirKeys(bool throws, bool hangs, bool signsSomethingElse)
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { SigningTimeout = hangs ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(30) };
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(5));
        SignedHead before = ledger.Head;
        fixture.Signer.FailNext = throws;
        fixture.Signer.CorruptNext = signsSomethingElse;
        fixture.Signer.Before = hangs ? token => Task.Delay(Timeout.Infinite, token) : null;

        ClaimResult claim = await ledger.ClaimAsync(Key("again"), MerkleHash.Read(Digest(900)), Token);
        using LedgerWriter writer = ledger.CreateWriter();
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd(1, Document(Digest(900), claim.Claim)));
        writer.Leave();
        ClaimResult second = await ledger.ClaimAsync(Key("again"), MerkleHash.Read(Digest(900)), Token);
        using (SealedSegment? segment = await writer.ReadSealedAsync(Token))
        {
            Assert.Equal(LedgerError.SigningFailed, segment!.Failure?.Error);
            Assert.True(segment.Failure!.Retryable);
        }

        if (second.Outcome == ClaimOutcome.InFlight)
        {
            Assert.Null(await second.WaitForIndexAsync(Token));
        }
        else
        {
            second.Claim!.Dispose(); // the batch had failed by then
        }

        Assert.Equal(before, ledger.Head);
        Assert.False(ledger.Faulted.IsCompleted);
        fixture.Signer.Before = null;

        claim = await ledger.ClaimAsync(Key("again"), MerkleHash.Read(Digest(900)), Token);
        Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
        Assert.True(await writer.WaitToEnterAsync(Token) && writer.TryEnter());
        Assert.True(writer.TryAdd(2, Document(Digest(900), claim.Claim)));
        writer.Leave();
        using SealedSegment? sealedNow = await writer.ReadSealedAsync(Token);
        Assert.Null(sealedNow!.Failure);
        Assert.Equal(5, sealedNow.FirstIndex);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Seal_StorageFull_RefusesUntilThereIsRoom()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(5));
        fixture.Memory.IsFull = true;
        LedgerFailure? failure = await fixture.SealAsync(5);
        Assert.Equal(LedgerError.StorageFull, failure?.Error);
        Assert.True(failure!.Retryable);
        Assert.Equal(5, fixture.Ledger.Head.TreeSize);
        fixture.Memory.IsFull = false;
        Assert.Null(await fixture.SealAsync(5));
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Append_Fails_WaitersOfTheNextBatchAndOfKeysAreTold()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        TaskCompletionSource appending = new();
        TaskCompletionSource gate = new();
        fixture.Memory.BeforeAppend = async _ =>
        {
            appending.TrySetResult();
            await gate.Task;
        };
        fixture.Memory.NextFault = StorageFault.FailBeforePersisted;

        using LedgerWriter first = ledger.CreateWriter();
        using LedgerWriter second = ledger.CreateWriter();
        ClaimResult claim = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        Assert.True(first.TryEnter());
        Assert.True(first.TryAdd(1, Document(Digest(1), claim.Claim)));
        first.Leave();
        await appending.Task;
        Assert.True(second.TryEnter());
        Assert.True(second.TryAdd(1, Document(Digest(2))));
        second.Leave();
        ClaimResult inFlight = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        Assert.Equal(ClaimOutcome.InFlight, inFlight.Outcome);
        ValueTask<SignedHead> watcher = ledger.WaitForHeadAfterAsync(0, Token);
        gate.SetResult();

        foreach (LedgerWriter writer in new[] { first, second })
        {
            using SealedSegment? segment = await writer.ReadSealedAsync(Token);
            Assert.Equal(LedgerError.StateUnknown, segment!.Failure?.Error);
        }

        await Assert.ThrowsAsync<LedgerException>(() => inFlight.WaitForIndexAsync(Token));
        await Assert.ThrowsAsync<LedgerException>(async () => await watcher);
    }

    [Fact]
    public async Task Open_NewLedgerCannotBeSigned_LeavesNothingBehind()
    {
        await using LedgerFixture fixture = new();
        fixture.Signer.FailNext = true;
        await Assert.ThrowsAsync<LedgerException>(fixture.OpenAsync);
        Assert.Equal(0, fixture.Memory.Count);
        await fixture.OpenAsync();
        await fixture.CheckAsync();
    }

    [Theory]
    [InlineData(StorageFault.FailBeforePersisted)]
    [InlineData(StorageFault.FailAfterPersisted)]
    public async Task Open_NewLedgerCannotBeWritten_OpensTheNextTime(StorageFault fault)
    {
        await using LedgerFixture fixture = new();
        fixture.Memory.NextFault = fault;
        await Assert.ThrowsAsync<IOException>(() => fixture.OpenAsync(fixture.Memory));
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(3));
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task RandomFaults_OverManyRestarts_NeverLoseAnAcknowledgedEntry()
    {
        const int seed = 20261121;
        Random random = new(seed);
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with
        {
            AppendTimeout = TimeSpan.FromMilliseconds(250),
            EntriesPerBatchMax = 64,
            EntriesPerSnapshot = 50,
            IndexKeysInMemoryMax = 32,
        };
        for (int round = 0; round < 30; round++)
        {
            await fixture.OpenAsync();
            await fixture.CheckAsync();
            for (int i = random.Next(4); i >= 0; i--)
            {
                await fixture.SealAsync(random.Next(1, 60));
            }

            fixture.Signer.FailNext = random.Next(3) == 0;
            fixture.Memory.NextFault = (StorageFault)random.Next(5);
            await fixture.SealAsync(random.Next(1, 200));
            fixture.Signer.FailNext = false;
        }

        await fixture.OpenAsync();
        await fixture.CheckAsync();
        Assert.True(fixture.Acknowledged.Count > 500, $"seed {seed}: only {fixture.Acknowledged.Count} entries were acknowledged");
    }
}
