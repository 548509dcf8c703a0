using System.Runtime.InteropServices;
using SealService.Ledger;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class BatchSealerTests : IDisposable
{
    private static readonly SignedHead EmptyHead = new(0, TreeHasher.EmptyRoot, default);

    private readonly TestSigner _signer = new(Origin);
    private readonly LedgerMetrics _metrics = new(Origin, () => 0, () => 0);
    private readonly MemoryLedgerStorage _storage = new();
    private readonly BatchSealer _sealer;

    public BatchSealerTests()
    {
        TimeSpan timeout = TimeSpan.FromSeconds(30);
        _sealer = new BatchSealer(
            new RecordAppender(_storage, timeout, TimeProvider.System),
            new CheckpointAuthority(Origin, _signer.Key, _signer.SignAsync, timeout, TimeProvider.System),
            _metrics,
            TimeProvider.System);
    }

    public void Dispose()
    {
        _signer.Dispose();
        _metrics.Dispose();
    }

    [Fact]
    public async Task Seal_SoundSegments_WritesOneRecordWithTheSignedHead()
    {
        Segment[] segments = [MakeSegment(3), MakeSegment(5)];
        SealedBatch batch = await _sealer.WriteAsync(await _sealer.SignAsync(segments, new CompactRange(), EmptyHead));
        Assert.Equal((8, 0L, 3L), (batch.Head.TreeSize, segments[0].FirstIndex, segments[1].FirstIndex));
        Assert.Equal(1, _storage.Count);
        Assert.True(RecordCodec.TryRead(_storage[0], out LedgerRecord record, out string? error), error);
        Assert.True(record.Checkpoint.Span.SequenceEqual(batch.Head.Note.Span));
    }

    [Fact]
    public async Task Seal_EntryChangedInMemory_IsNeitherSignedNorWritten()
    {
        Segment segment = MakeSegment(4);
        for (int i = 0; i < segment.EntryBundle.Length; i++)
        {
            Flip(segment, i);
            await ExpectRefusedAsync(segment, new CompactRange(), EmptyHead);
            Flip(segment, i);
        }
    }

    [Fact]
    public async Task Seal_LeafHashChangedInMemory_IsNeitherSignedNorWritten()
    {
        Segment segment = MakeSegment(4);
        for (int i = 0; i < 4 * MerkleHash.Size; i++)
        {
            FlipLeaf(segment, i);
            await ExpectRefusedAsync(segment, new CompactRange(), EmptyHead);
            FlipLeaf(segment, i);
        }
    }

    [Fact]
    public async Task Seal_EntryThatWasNotHashed_IsNeitherSignedNorWritten()
    {
        Segment segment = MakeSegment(4);
        Add(segment, 5);
        await ExpectRefusedAsync(segment, new CompactRange(), EmptyHead);
    }

    [Fact]
    public async Task Seal_TreeIsNotThatOfTheLastHead_IsNeitherSignedNorWritten()
    {
        CompactRange other = new();
        other.Append(TreeHasher.HashLeaf([1]));
        await ExpectRefusedAsync(MakeSegment(1), other, EmptyHead);
        await ExpectRefusedAsync(MakeSegment(1), new CompactRange(), new SignedHead(1, other.GetRootHash(), default));
        await ExpectRefusedAsync(MakeSegment(1), other, new SignedHead(1, TreeHasher.HashLeaf([2]), default));
    }

    private async Task ExpectRefusedAsync(Segment segment, CompactRange edge, SignedHead head)
    {
        await Assert.ThrowsAnyAsync<Exception>(async () => await _sealer.SignAsync([segment], edge, head));
        Assert.Equal(0, _signer.Signatures);
        Assert.Equal(0, _storage.Count);
    }

    private static void Flip(Segment segment, int position) => Flip(segment.EntryBundle, position);

    private static void FlipLeaf(Segment segment, int position) => Flip(MemoryMarshal.AsBytes(segment.LeafHashes), position);

    private static void Flip(ReadOnlySpan<byte> bytes, int position) =>
        MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(bytes), bytes.Length)[position] ^= 1;

    private static Segment MakeSegment(int entries)
    {
        ClaimRegistry claims = new((_, _) => ValueTask.FromResult<SealedKey?>(null));
        Segment segment = new SegmentPool(1000, claims).Rent();
        segment.Begin(writer: null!, new OpenBatch(1000, 1_000_000, 0), 0, 1000);
        for (int i = 0; i < entries; i++)
        {
            Add(segment, i);
        }

        segment.HashLeaves(); // as its writer does before it leaves
        return segment;
    }

    private static void Add(Segment segment, int reference)
    {
        LogEntry entry = default;
        Document(Digest(reference)).FillUnsaltedEntry(1000, ref entry);
        int entryBytes = LogEntryCodec.GetSize(entry);
        Assert.True(segment.TryReserve(entryBytes, 1000));
        segment.Add((ulong)reference, ref entry, entryBytes, claim: null);
    }
}
