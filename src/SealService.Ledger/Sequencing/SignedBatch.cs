using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>A batch with a signed head, on its way to the storage.</summary>
internal sealed class SignedBatch(
    IReadOnlyList<Segment> segments, LedgerRecord record, byte[] recordBuffer, int recordBytes, BatchTree tree)
{
    public IReadOnlyList<Segment> Segments => segments;

    public LedgerRecord Record => record;

    /// <summary>The record as it is stored.</summary>
    public ReadOnlyMemory<byte> RecordBytes => recordBuffer.AsMemory(0, recordBytes);

    /// <summary>The nodes of the batch's leaves.</summary>
    public BatchTree Tree => tree;

    /// <summary>The tree with this batch: the compact range [0, <see cref="Head"/>.TreeSize); nobody changes it.</summary>
    public CompactRange Edge { get; } = tree.ToCompactRange();

    public SignedHead Head { get; } = new(tree.TreeSize, tree.RootHash, record.Checkpoint);

    /// <summary>The batch as it lies in the storage; the buffers go over to it.</summary>
    public SealedBatch ToSealed(long address) => new(record, recordBuffer, tree, address, Edge, Head);
}
