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
        using Harness harness = new(fixture);
        ClaimRegistry claims = harness.Claims;
        LedgerSequencer sequencer = harness.Sequencer;
        SignedHead empty = sequencer.Head;
        Segment sound = harness.Segments.Rent();
        Segment harmed = harness.Segments.Rent();
        harness.Segments.Return(sound); // the first writer gets it
        harness.Segments.Return(harmed); // the second
        fixture.Memory.BeforeAppend = _ =>
        {
            Flip(MemoryMarshal.AsBytes(harmed.LeafHashes)); // its entries are lined up and signed by now
            return ValueTask.CompletedTask;
        };

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

        Assert.Contains("do not lead to the signed root", harness.Fault.Exception?.Message, StringComparison.Ordinal);
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

    [Fact]
    public async Task Seal_EntryIsDamagedBeforeItWasHashed_FaultsInsteadOfWaitingForItsWriter()
    {
        await using LedgerFixture fixture = new();
        using Harness harness = new(fixture);
        Segment segment = harness.Segments.Rent();
        harness.Segments.Return(segment); // the writer gets it
        using LedgerWriter writer = new(harness.Sequencer);
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd(1, Document(Digest(1))));
        Flip(segment.EntryBundle); // its length: the bundle ends before the entry
        Assert.Throws<ArgumentException>(writer.Leave);
        await harness.Sequencer.RunAsync().WaitAsync(TimeSpan.FromSeconds(30), Token);

        using SealedSegment? failed = await writer.ReadSealedAsync(Token);
        Assert.Equal(LedgerError.StateUnknown, failed!.Failure?.Error);
        Assert.Equal(0, fixture.Memory.Count);
    }

    [Fact]
    public async Task EntriesWaiting_WritersAddAfterTheClose_IsZeroWhenAllIsSealed()
    {
        await using LedgerFixture fixture = new();
        using Harness harness = new(fixture);
        using LedgerWriter writer = new(harness.Sequencer);
        OpenBatch? batch = harness.Sequencer.Open;
        Task running = harness.Sequencer.RunAsync();
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd(1, Document(Digest(1))));
        while (harness.Sequencer.Open == batch)
        {
            await Task.Delay(1, Token); // the sequencer closes it, and waits for the writer
        }

        Assert.True(writer.TryAdd(2, Document(Digest(2))));
        writer.Leave();
        using (SealedSegment? segment = await writer.ReadSealedAsync(Token))
        {
            Assert.Equal(2, segment!.Count);
        }

        Assert.Equal(0, harness.Sequencer.EntriesWaiting);
        harness.Sequencer.Stop();
        await running;
    }

    private static void Add(LedgerWriter writer, in DocumentSeal document)
    {
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd(1, document));
        writer.Leave();
    }

    private static void Flip(ReadOnlySpan<byte> bytes) => MemoryMarshal.GetReference(bytes) ^= 1;

    /// <summary>A sequencer on the fixture's storage, with all that it stands on.</summary>
    private sealed class Harness : IDisposable
    {
        private readonly LedgerMetrics _metrics = new(Origin, () => 0, () => 0);
        private readonly TemporaryFolder _derivedFolder = new();
        private readonly DerivedData _derived;

        public Harness(LedgerFixture fixture)
        {
            TimeSpan timeout = TimeSpan.FromSeconds(30);
            _derived = DerivedData.Open(_derivedFolder.Path, 64, snapshot: null);
            Segments = new SegmentPool(100, Claims);
            BatchSealer sealer = new(
                new RecordAppender(fixture.Memory, timeout, TimeProvider.System),
                new CheckpointAuthority(Origin, fixture.Signer.Key, fixture.Signer.SignAsync, timeout, TimeProvider.System),
                _metrics,
                TimeProvider.System);
            Sequencer = new LedgerSequencer(
                fixture.Options, sealer, new LedgerClock(TimeProvider.System), Segments,
                new LedgerIndexer(_derived, fixture.Options, Fault, NullLogger.Instance), Fault, new CompactRange(),
                new SignedHead(0, TreeHasher.EmptyRoot, default), _metrics, NullLogger.Instance);
        }

        public ClaimRegistry Claims { get; } = new((_, _) => ValueTask.FromResult<SealedKey?>(null));

        public LedgerFault Fault { get; } = new(NullLogger.Instance);

        public SegmentPool Segments { get; }

        public LedgerSequencer Sequencer { get; }

        public void Dispose()
        {
            _derived.Dispose();
            _derivedFolder.Dispose();
            _metrics.Dispose();
        }
    }
}
