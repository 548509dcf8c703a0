using SealService.Ledger.Derived;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// Follows the records in order and checks that each continues the one before, that its entries make the root that its
/// checkpoint says, and that they reach the signed snapshot. Recovery and verification read records by this and nothing else.
/// </summary>
/// <param name="storage">Where the records are.</param>
/// <param name="edge">The tree before the first record that extends it; nobody changes it any more.</param>
/// <param name="snapshot">The signed snapshot that the records must reach; null when there is none.</param>
internal sealed class RecordChain(ILedgerStorage storage, CompactRange edge, Snapshot? snapshot)
{
    /// <summary>The compact range [0, number of entries so far).</summary>
    public CompactRange Edge { get; private set; } = edge;

    /// <summary>The record that was read last; views of its bytes.</summary>
    public LedgerRecord Last { get; private set; }

    /// <summary>The address of <see cref="Last"/>.</summary>
    public long LastAddress { get; private set; }

    /// <summary>The number of records that have been read.</summary>
    public long Count { get; private set; }

    /// <summary>Reads the next record's framing.</summary>
    public void Read(StoredRecord stored)
    {
        Last = RecordCodec.TryRead(stored.Bytes, out LedgerRecord record, out string? error) ? record : throw Damaged(stored, error);
        LastAddress = stored.Address;
        Count++;
    }

    /// <summary>Extends the tree by the record that was read last. The caller disposes of the batch.</summary>
    public SealedBatch Extend(StoredRecord stored)
    {
        LedgerRecord record = Last;
        if (record.FirstIndex != Edge.End || (record.Count == 0 && record.FirstIndex != 0))
        {
            throw Damaged(stored, $"it begins at index {record.FirstIndex}, not at {Edge.End}");
        }

        BatchTree? tree = record.Count == 0 ? null : BuildTree(record);
        Edge = tree?.ToCompactRange() ?? Edge;
        MerkleHash root = Edge.GetRootHash();
        if (!Checkpoint.TryParseNote(record.Checkpoint, out _, out Checkpoint? checkpoint, out string? error))
        {
            throw Damaged(stored, error);
        }

        if (checkpoint.TreeSize != Edge.End || checkpoint.RootHash != root)
        {
            throw Damaged(
                stored,
                $"its checkpoint is of {checkpoint.TreeSize} entries with root {checkpoint.RootHash}, "
                + $"but the entries make {Edge.End} with root {root}");
        }

        if (Edge.End == snapshot?.TreeSize && root != snapshot.Edge.GetRootHash())
        {
            throw Damaged(stored, $"the signed snapshot of {Edge.End} entries has another root");
        }

        SignedHead head = new(Edge.End, root, record.Checkpoint.ToArray()); // not a view that keeps the whole record
        return new SealedBatch(record, [], tree, stored.Address, Edge, head);
    }

    private BatchTree BuildTree(LedgerRecord record)
    {
        MerkleHash[] leafHashes = new MerkleHash[record.Count];
        TreeHasher.HashLeaves(record.Entries.Span, leafHashes);
        return new BatchTree(Edge, leafHashes);
    }

    /// <summary>After the last record.</summary>
    /// <exception cref="LedgerDamagedException">There is none, or the signed snapshot has more entries.</exception>
    public void RequireSnapshotReached()
    {
        if (Count == 0 || Edge.End < (snapshot?.TreeSize ?? 0))
        {
            throw Missing($"there is a signed snapshot of {snapshot?.TreeSize ?? 0}");
        }
    }

    public LedgerDamagedException Missing(string evidence) =>
        new($"The records end at {Edge.End} entries, but {evidence}. Restore them; nothing was changed.");

    public LedgerDamagedException Damaged(StoredRecord stored, string error) =>
        new($"The record at {storage.Describe(stored.Address)} is damaged: {error}. Nothing was changed.");
}
