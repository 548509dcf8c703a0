using System.Buffers;
using SealService.Ledger.Derived.Lookup;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Derived;

/// <summary>
/// What follows from the records and can be deleted: node hashes, the place of each record, the lookup index, and a snapshot
/// to start from. One thread applies batches in order, on start and while running; any number read what has been applied.
/// </summary>
internal sealed class DerivedData : IDisposable
{
    private readonly string _folder;
    private CompactRange _edge;
    private long _lastAddress;
    private ReadOnlyMemory<byte> _lastNote;

    private DerivedData(string folder, HashFiles hashes, BatchDirectory batches, LookupIndex lookup, Snapshot? snapshot)
    {
        _folder = folder;
        Hashes = hashes;
        Batches = batches;
        Lookup = lookup;
        _edge = snapshot?.Edge ?? new CompactRange();
        _lastAddress = snapshot?.Address ?? 0;
        _lastNote = snapshot?.Note ?? default;
        SnapshotSize = snapshot?.TreeSize ?? 0;
    }

    public HashFiles Hashes { get; }

    public BatchDirectory Batches { get; }

    public LookupIndex Lookup { get; }

    /// <summary>The number of entries that have been applied.</summary>
    public long TreeSize => _edge.End;

    /// <summary>The tree size of the snapshot on disk.</summary>
    public long SnapshotSize { get; private set; }

    /// <summary>Opens what belongs to a snapshot, or makes everything anew.</summary>
    /// <exception cref="DerivedDataException">Something does not fit the snapshot.</exception>
    public static DerivedData Open(string folder, int keysInMemoryMax, Snapshot? snapshot)
    {
        Directory.CreateDirectory(folder);
        HashFiles? hashes = null;
        BatchDirectory? batches = null;
        try
        {
            hashes = HashFiles.Open(folder, snapshot?.TreeSize ?? 0);
            batches = BatchDirectory.Open(folder, snapshot?.TreeSize ?? 0, snapshot?.BatchesChecksum ?? 0);
            LookupIndex lookup = LookupIndex.Open(Path.Combine(folder, "index"), keysInMemoryMax);
            if (lookup.RunsEnd < (snapshot?.TreeSize ?? 0))
            {
                throw new DerivedDataException($"the index has {lookup.RunsEnd} entries, the snapshot {snapshot!.TreeSize}");
            }

            return new DerivedData(folder, hashes, batches, lookup, snapshot);
        }
        catch
        {
            hashes?.Dispose();
            batches?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Throws everything away but the snapshot, and begins with nothing. The snapshot stays until there is one of more
    /// entries: it is signed proof of what the records must hold.
    /// </summary>
    public static DerivedData Rebuild(string folder, int keysInMemoryMax, Snapshot? snapshot)
    {
        foreach (FileSystemInfo item in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            if (item is DirectoryInfo subfolder)
            {
                subfolder.Delete(recursive: true);
            }
            else if (snapshot is null || !string.Equals(item.Name, Snapshot.FileName, StringComparison.Ordinal))
            {
                item.Delete();
            }
        }

        DerivedData derived = Open(folder, keysInMemoryMax, snapshot: null);
        derived.SnapshotSize = snapshot?.TreeSize ?? 0;
        return derived;
    }

    public void Apply(SealedBatch batch)
    {
        LedgerRecord record = batch.Record;
        if (record.FirstIndex != TreeSize || batch.Edge.End != record.FirstIndex + record.Count)
        {
            throw new LedgerException($"A batch from index {record.FirstIndex} can't be indexed after {TreeSize} entries.");
        }

        if (batch.Tree is { } tree)
        {
            Hashes.Append(tree);
            Batches.Append(record.FirstIndex, batch.Address);
            AddKeys(record);
        }

        _edge = batch.Edge;
        _lastAddress = batch.Address;
        _lastNote = batch.Head.Note;
    }

    /// <summary>Makes everything that was applied durable, so that a start need not apply it again.</summary>
    public void WriteSnapshot()
    {
        Lookup.Flush(TreeSize);
        Hashes.Flush();
        Batches.Flush();
        Fsync.Directory(_folder);
        new Snapshot(_edge, _lastAddress, Batches.Checksum, _lastNote.ToArray()).Write(_folder);
        SnapshotSize = TreeSize;
    }

    public void Dispose()
    {
        Hashes.Dispose();
        Batches.Dispose();
    }

    private void AddKeys(LedgerRecord record)
    {
        KeyPosition[] keys = ArrayPool<KeyPosition>.Shared.Rent(record.Count * EntryKeys.Max);
        int count = 0;
        ReadOnlySpan<byte> bundle = record.Entries.Span;
        for (long index = record.FirstIndex; index < record.FirstIndex + record.Count; index++)
        {
            ReadOnlySpan<byte> entry = RecordCodec.TakeEntry(ref bundle);
            if (index >= Lookup.RunsEnd) // or it is in a run that was written after the snapshot
            {
                EntryKeys fields = EntryKeys.Of(entry);
                Add(LookupKind.Digest, fields.Digest, index);
                Add(LookupKind.DocumentId, fields.DocumentId, index);
                Add(LookupKind.IdempotencyKey, fields.IdempotencyKeySha256, index);
            }
        }

        Lookup.Add(keys.AsSpan(0, count));
        ArrayPool<KeyPosition>.Shared.Return(keys);

        void Add(LookupKind kind, ReadOnlySpan<byte> key, long index)
        {
            if (!key.IsEmpty)
            {
                keys[count++] = new KeyPosition(Lookup.Fingerprints.Of(kind, key), index);
            }
        }
    }
}
