using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class IdempotencyTests
{
    [Fact]
    public async Task Claim_SameKeyFromManyCallers_MakesOneEntryAndAllGetItsIndex()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { IndexKeysInMemoryMax = 64 };
        SealLedger ledger = await fixture.OpenAsync();
        for (int round = 0; round < 40; round++)
        {
            MerkleHash key = Key($"key {round}");
            byte[] digest = Digest(round);
            long[] indexes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(() => SealOnceAsync(ledger, key, digest))));
            Assert.Single(indexes.Distinct());
        }

        Assert.Equal(40, ledger.Head.TreeSize);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Claim_OtherDigest_IsAConflictInFlightAndSealedAndAfterRestart()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        MerkleHash key = Key("k");
        ClaimResult claim = await ledger.ClaimAsync(key, MerkleHash.Read(Digest(1)), Token);
        Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
        Assert.Equal(ClaimOutcome.Conflict, (await ledger.ClaimAsync(key, MerkleHash.Read(Digest(2)), Token)).Outcome);
        Assert.Equal(ClaimOutcome.InFlight, (await ledger.ClaimAsync(key, MerkleHash.Read(Digest(1)), Token)).Outcome);
        using (LedgerWriter writer = ledger.CreateWriter())
        {
            Assert.True(writer.TryEnter());
            Assert.True(writer.TryAdd(1, Document(Digest(1), claim.Claim)));
            writer.Leave();
            using SealedSegment? segment = await writer.ReadSealedAsync(Token);
            Assert.Null(segment!.Failure);
        }

        await CheckSealedAsync(ledger);
        for (int i = 0; i < 2; i++)
        {
            ledger = await fixture.OpenAsync();
            await CheckSealedAsync(ledger);
            Directory.Delete(fixture.Folder["derived"], recursive: true); // while it is open: the next start finds none
        }

        async Task CheckSealedAsync(SealLedger opened)
        {
            ClaimResult same = await opened.ClaimAsync(key, MerkleHash.Read(Digest(1)), Token);
            Assert.Equal((ClaimOutcome.Sealed, 0L), (same.Outcome, same.Index));
            Assert.Equal(ClaimOutcome.Conflict, (await opened.ClaimAsync(key, MerkleHash.Read(Digest(2)), Token)).Outcome);
        }
    }

    [Fact]
    public async Task Claim_DisposedWithoutAdding_FreesTheKey()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        ClaimResult claim = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        ClaimResult waiting = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        claim.Claim!.Dispose();
        Assert.Null(await waiting.WaitForIndexAsync(Token));
        using ClaimHolder again = new(await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(2)), Token));
        Assert.Equal(ClaimOutcome.Claimed, again.Result.Outcome);
    }

    [Fact]
    public async Task TryAdd_SpentOrForeignClaim_Throws()
    {
        await using LedgerFixture fixture = new();
        await using LedgerFixture other = new();
        SealLedger ledger = await fixture.OpenAsync();
        ClaimResult foreign = await (await other.OpenAsync()).ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        ClaimResult own = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        using LedgerWriter writer = ledger.CreateWriter();
        Assert.True(writer.TryEnter());
        Assert.Throws<ArgumentException>(() => writer.TryAdd(1, Document(Digest(1), foreign.Claim)));
        Assert.Throws<ArgumentException>(() => writer.TryAdd(1, Document(Digest(2), own.Claim)));
        Assert.True(writer.TryAdd(1, Document(Digest(1), own.Claim)));
        Assert.Throws<ArgumentException>(() => writer.TryAdd(1, Document(Digest(1), own.Claim)));
        own.Claim!.Dispose(); // too late to take it back
        writer.Leave();
        using SealedSegment? segment = await writer.ReadSealedAsync(Token);
        Assert.Equal(1, segment!.Count);
        Assert.Equal(ClaimOutcome.Sealed, (await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token)).Outcome);
    }

    [Fact]
    public async Task Claim_EntryOfUnknownFate_IsFoundAfterRestart()
    {
        foreach (StorageFault fault in new[] { StorageFault.FailAfterPersisted, StorageFault.FailBeforePersisted })
        {
            await using LedgerFixture fixture = new();
            SealLedger ledger = await fixture.OpenAsync();
            fixture.Memory.NextFault = fault;
            ClaimResult claim = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
            using LedgerWriter writer = ledger.CreateWriter();
            Assert.True(writer.TryEnter());
            Assert.True(writer.TryAdd(1, Document(Digest(1), claim.Claim)));
            writer.Leave();
            using SealedSegment? segment = await writer.ReadSealedAsync(Token);
            Assert.Equal(LedgerError.StateUnknown, segment!.Failure?.Error);

            ledger = await fixture.OpenAsync();
            ClaimResult again = await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
            Assert.Equal(fault == StorageFault.FailAfterPersisted ? ClaimOutcome.Sealed : ClaimOutcome.Claimed, again.Outcome);
        }
    }

    private static async Task<long> SealOnceAsync(SealLedger ledger, MerkleHash key, byte[] digest)
    {
        ClaimResult claim = await ledger.ClaimAsync(key, MerkleHash.Read(digest), Token);
        switch (claim.Outcome)
        {
            case ClaimOutcome.Sealed:
                return claim.Index;
            case ClaimOutcome.InFlight:
                return await claim.WaitForIndexAsync(Token) ?? throw new InvalidOperationException("Not sealed.");
            default:
                Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
                using (LedgerWriter writer = ledger.CreateWriter())
                {
                    Assert.True(await writer.WaitToEnterAsync(Token) && writer.TryEnter());
                    Assert.True(writer.TryAdd(1, Document(digest, claim.Claim)));
                    writer.Leave();
                    using SealedSegment? segment = await writer.ReadSealedAsync(Token);
                    return segment!.FirstIndex;
                }
        }
    }

    private sealed record ClaimHolder(ClaimResult Result) : IDisposable
    {
        public void Dispose() => Result.Claim?.Dispose();
    }
}
