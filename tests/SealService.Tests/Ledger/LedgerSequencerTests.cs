using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using SealService.Ledger;
using SealService.Ledger.Derived;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class LedgerSequencerTests
{
    [Fact]
    public async Task Seal_ProofsDoNotVerifyAfterTheWrite_AcknowledgesNothingAndFaults()
    {
        await using LedgerFixture fixture = new();
        TimeSpan timeout = TimeSpan.FromSeconds(30);
        using LedgerMetrics metrics = new(Origin, () => 0, () => 0);
        using TemporaryFolder derivedFolder = new();
        using DerivedData derived = DerivedData.Open(derivedFolder.Path, 64, snapshot: null);
        LedgerFault fault = new(NullLogger.Instance);
        ClaimRegistry claims = new((_, _) => ValueTask.FromResult<SealedKey?>(null));
        SegmentPool segments = new(100, claims);
        Segment sound = segments.Rent();
        Segment harmed = segments.Rent();
        segments.Return(sound); // the first writer gets it
        segments.Return(harmed); // the second
        fixture.Memory.BeforeAppend = _ =>
        {
            FlipLeafHash(harmed); // its entries are lined up and signed by now
            return ValueTask.CompletedTask;
        };
        BatchSealer sealer = new(
            new RecordAppender(fixture.Memory, timeout, TimeProvider.System),
            new CheckpointAuthority(Origin, fixture.Signer.Key, fixture.Signer.SignAsync, timeout, TimeProvider.System),
            metrics,
            TimeProvider.System);
        SignedHead empty = new(0, TreeHasher.EmptyRoot, default);
        LedgerSequencer sequencer = new(
            fixture.Options, sealer, new LedgerClock(TimeProvider.System), segments,
            new LedgerIndexer(derived, fixture.Options, fault, NullLogger.Instance), fault, new CompactRange(), empty, metrics,
            NullLogger.Instance);

        using LedgerWriter first = new(sequencer);
        using LedgerWriter second = new(sequencer);
        ClaimResult claim = await claims.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        Add(first, Document(Digest(1), claim.Claim));
        Add(second, Document(Digest(2)));
        await sequencer.RunAsync(); // ends by itself

        foreach (LedgerWriter writer in new[] { first, second })
        {
            using SealedSegment? segment = await writer.ReadSealedAsync(Token);
            Assert.Equal(LedgerError.StateUnknown, segment!.Failure?.Error);
            Assert.False(segment.Failure!.Retryable);
            Assert.Throws<InvalidOperationException>(() => segment.Head);
            Assert.False(writer.TryEnter());
        }

        Assert.Contains("do not lead to the signed root", fault.Exception?.Message, StringComparison.Ordinal);
        Assert.Equal(empty, sequencer.Head);
        ClaimResult again = await claims.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token);
        Assert.Equal(ClaimOutcome.InFlight, again.Outcome);
        Assert.False(again.WaitForIndexAsync(Token).IsCompleted);

        // The record had been written, and it was sound: the restart finds both entries.
        Assert.Equal(1, fixture.Memory.Count);
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Equal(2, ledger.Head.TreeSize);
        Assert.Equal(ClaimOutcome.Sealed, (await ledger.ClaimAsync(Key("k"), MerkleHash.Read(Digest(1)), Token)).Outcome);
        await fixture.CheckAsync();
    }

    private static void Add(LedgerWriter writer, in DocumentSeal document)
    {
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd(1, document));
        writer.Leave();
    }

    private static void FlipLeafHash(Segment segment)
    {
        ReadOnlySpan<byte> hashes = MemoryMarshal.AsBytes(segment.LeafHashes);
        MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(hashes), hashes.Length)[0] ^= 1;
    }
}
