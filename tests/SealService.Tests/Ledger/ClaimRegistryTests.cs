using SealService.Ledger;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class ClaimRegistryTests
{
    [Fact]
    public async Task Dispose_AfterTheLedgerFailed_DoesNotThrowAndWaitersAreTold()
    {
        ClaimRegistry claims = new((_, _) => ValueTask.FromResult<SealedKey?>(null));
        ClaimResult held = await claims.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        ClaimResult waiting = await claims.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        claims.FailAll(new LedgerException("failed"));
        held.Claim!.Dispose();
        await Assert.ThrowsAsync<LedgerException>(() => waiting.WaitForIndexAsync(Token));
        Assert.Equal(0, claims.Count);
    }

    [Fact]
    public async Task Claim_LedgerFailsWhileTheIndexIsAsked_StillEndsAndFreesTheKey()
    {
        TaskCompletionSource<SealedKey?> answer = new();
        ClaimRegistry claims = new((_, _) => new ValueTask<SealedKey?>(answer.Task));
        MerkleHash digest = MerkleHash.Read(Digest(1));
        ValueTask<ClaimResult> asking = claims.ClaimAsync(Key("k"), digest, Token);
        claims.FailAll(new LedgerException("failed"));
        answer.SetResult(new SealedKey(7, digest));
        Assert.Equal(7, (await asking).Index);
        Assert.Equal(0, claims.Count);
    }

    [Fact]
    public async Task Claim_IndexCannotBeAsked_FreesTheKeyForTheNext()
    {
        bool fails = true;
        TaskCompletionSource asked = new();
        ClaimRegistry claims = new(async (_, _) =>
        {
            await asked.Task;
            return fails ? throw new IOException("unreadable") : null;
        });
        MerkleHash digest = MerkleHash.Read(Digest(1));
        ValueTask<ClaimResult> first = claims.ClaimAsync(Key("k"), digest, Token);
        ValueTask<ClaimResult> second = claims.ClaimAsync(Key("k"), digest, Token);
        asked.SetResult();
        await Assert.ThrowsAsync<IOException>(async () => await first);
        await Assert.ThrowsAsync<IOException>(async () => await second);
        fails = false;
        Assert.Equal(ClaimOutcome.Claimed, (await claims.ClaimAsync(Key("k"), digest, Token)).Outcome);
    }
}
