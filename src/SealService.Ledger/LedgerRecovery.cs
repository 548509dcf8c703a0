using System.Buffers;
using Microsoft.Extensions.Logging;
using SealService.Ledger.Derived;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// Brings a ledger back: reads the records from the last snapshot on, checks that each continues the one before and that
/// its entries make the root that its checkpoint says, and applies them by the code that applies them while running.
/// </summary>
/// <remarks>
/// Records are the truth: what contradicts them is derived and built again, but a signed snapshot that they do not reach is
/// proof that records are missing. A durable record that nobody was told of is kept like any other.
/// </remarks>
internal sealed class LedgerRecovery(
    ILedgerStorage storage,
    RecordAppender appender,
    CheckpointAuthority authority,
    LedgerOptions options,
    LedgerFault fault,
    ILogger logger)
{
    /// <summary>The snapshot that the records must reach; null when there is none.</summary>
    private Snapshot? _snapshot;
    private CompactRange _edge = new();
    private bool _rebuilt;
    private LedgerRecord _last;
    private long _lastAddress;

    public DerivedData Derived { get; private set; } = null!;

    public LedgerIndexer Indexer { get; private set; } = null!;

    public CompactRange Edge => _edge;

    public SignedHead Head { get; private set; } = null!;

    /// <summary>The greatest time in the ledger.</summary>
    public long LastSealedAtUnixMs { get; private set; }

    public long ScannedRecords { get; private set; }

    /// <exception cref="LedgerException">The ledger belongs to another key, or could not be begun.</exception>
    /// <exception cref="LedgerDamagedException">Records are damaged or missing.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _snapshot = ReadSnapshot();
        if (storage.IsEmpty)
        {
            if (_snapshot is not null)
            {
                throw RecordsMissing(0, $"{options.DerivedFolder} has a signed snapshot of {_snapshot.TreeSize}");
            }

            await BeginAsync();
        }

        OpenDerived();
        try
        {
            await ScanAsync(cancellationToken);
            VerifyLast();
            if (_rebuilt)
            {
                Derived.WriteSnapshot();
            }
        }
        catch
        {
            Derived.Dispose();
            throw;
        }
    }

    private Snapshot? ReadSnapshot()
    {
        Snapshot? snapshot = Snapshot.TryRead(options.DerivedFolder);
        if (snapshot is null)
        {
            return null;
        }

        // A whole snapshot that another key signed is no damage, but another configuration: nothing is thrown away for that.
        return authority.TryOpen(snapshot.Note, out Checkpoint checkpoint, out string error)
            ? checkpoint.TreeSize == snapshot.TreeSize && checkpoint.RootHash == snapshot.Edge.GetRootHash() ? snapshot : null
            : throw AnotherKey($"The checkpoint of the snapshot in {options.DerivedFolder}", error);
    }

    /// <summary>A ledger begins with a record of no entries, which signs the empty tree: from then on there is always a head.</summary>
    private async Task BeginAsync()
    {
        byte[] note;
        try
        {
            note = await authority.SignAsync(0, TreeHasher.EmptyRoot);
        }
        catch (NotSealedException exception)
        {
            throw new LedgerException("A new ledger could not be begun: its empty tree could not be signed.", exception);
        }

        byte[] record = new byte[RecordCodec.GetSize(0, note.Length)];
        RecordCodec.Complete(record, 0, 0, 0, note);
        await appender.AppendAsync(record);
        LedgerLog.Created(logger, authority.Origin);
    }

    private void OpenDerived()
    {
        try
        {
            Derived = DerivedData.Open(options.DerivedFolder, options.IndexKeysInMemoryMax, _snapshot);
            if (_snapshot is not null)
            {
                _edge = _snapshot.Edge.Clone();
            }
            else if (Derived.Lookup.RunsEnd > 0)
            {
                Derived.Dispose();
                throw new DerivedDataException("there is no valid snapshot");
            }
        }
        catch (DerivedDataException exception)
        {
            LedgerLog.RebuildingDerived(logger, options.DerivedFolder, exception.Message);
            Derived = DerivedData.Rebuild(options.DerivedFolder, options.IndexKeysInMemoryMax, _snapshot);
            _rebuilt = true;
        }

        Indexer = new LedgerIndexer(Derived, options, fault, logger);
    }

    private async Task ScanAsync(CancellationToken cancellationToken)
    {
        // The snapshot's own last record is read again: it proves that the records and the snapshot are of one ledger.
        bool fromSnapshot = _edge.End > 0;
        await foreach (StoredRecord stored in storage.ScanAsync(fromSnapshot ? _snapshot!.Address : 0, cancellationToken))
        {
            if (!RecordCodec.TryRead(stored.Bytes, out _last, out string? error))
            {
                throw Damaged(stored, error);
            }

            _lastAddress = stored.Address;
            ScannedRecords++;
            if (fromSnapshot)
            {
                fromSnapshot = false;
                RequireSnapshotRecord(stored);
            }
            else
            {
                Apply(stored);
            }
        }

        if (Derived.Lookup.RunsEnd > _edge.End)
        {
            throw RecordsMissing(_edge.End, $"{options.DerivedFolder} has indexed {Derived.Lookup.RunsEnd}");
        }

        if (ScannedRecords == 0 || _edge.End < (_snapshot?.TreeSize ?? 0))
        {
            throw RecordsMissing(_edge.End, $"{options.DerivedFolder} has a signed snapshot of {_snapshot?.TreeSize ?? 0}");
        }
    }

    private void RequireSnapshotRecord(StoredRecord stored)
    {
        if (_last.FirstIndex + _last.Count != _edge.End || !_last.Checkpoint.Span.SequenceEqual(_snapshot!.Note.Span))
        {
            throw Damaged(stored, $"it is not the record of the signed snapshot of {_edge.End} entries");
        }

        Head = new SignedHead(_edge.End, _edge.GetRootHash(), _snapshot.Note);
    }

    private void Apply(StoredRecord stored)
    {
        if (_last.FirstIndex != _edge.End || (_last.Count == 0 && _last.FirstIndex != 0))
        {
            throw Damaged(stored, $"it begins at index {_last.FirstIndex}, not at {_edge.End}");
        }

        MerkleHash[] leafHashes = ArrayPool<MerkleHash>.Shared.Rent(_last.Count);
        HashLeaves(leafHashes);
        if (_last.Count > 0)
        {
            using BatchTree tree = new(_edge, leafHashes.AsSpan(0, _last.Count));
            _edge = tree.ToCompactRange();
        }

        MerkleHash root = _edge.GetRootHash();
        if (!Checkpoint.TryParseNote(_last.Checkpoint, out _, out Checkpoint? checkpoint, out string? error))
        {
            throw Damaged(stored, error);
        }

        if (checkpoint.TreeSize != _edge.End || checkpoint.RootHash != root)
        {
            throw Damaged(
                stored,
                $"its checkpoint is of {checkpoint.TreeSize} entries with root {checkpoint.RootHash}, "
                + $"but the entries make {_edge.End} with root {root}");
        }

        if (_edge.End == _snapshot?.TreeSize && root != _snapshot.Edge.GetRootHash())
        {
            throw Damaged(stored, $"the signed snapshot of {_edge.End} entries has another root");
        }

        Head = new SignedHead(_edge.End, root, _last.Checkpoint.ToArray()); // not a view that keeps the whole record
        Indexer.Apply(new SealedBatch(_last, [], leafHashes, stored.Address, _edge, Head));
    }

    private void HashLeaves(MerkleHash[] leafHashes)
    {
        ReadOnlySpan<byte> entries = _last.Entries.Span;
        for (int i = 0; i < _last.Count; i++)
        {
            leafHashes[i] = TreeHasher.HashLeaf(RecordCodec.TakeEntry(ref entries));
        }
    }

    /// <summary>The last signature speaks for all before it: its root follows from every entry.</summary>
    private void VerifyLast()
    {
        if (!authority.TryOpen(Head.Note, out _, out string error))
        {
            throw AnotherKey($"The ledger's last checkpoint, at {storage.Describe(_lastAddress)},", error);
        }

        ReadOnlySpan<byte> entries = _last.Entries.Span;
        while (!entries.IsEmpty)
        {
            if (LogEntryCodec.TryRead(RecordCodec.TakeEntry(ref entries), out LogEntry entry, out _))
            {
                LastSealedAtUnixMs = Math.Max(LastSealedAtUnixMs, entry.SealedAtUnixMs);
            }
        }
    }

    private LedgerException AnotherKey(string checkpoint, string error) =>
        new($"{checkpoint} is not by the configured key of {authority.Origin}: {error}. Nothing was changed.");

    private static LedgerDamagedException RecordsMissing(long entries, string evidence) =>
        new($"The records end at {entries} entries, but {evidence}. Restore them; nothing was changed.");

    private LedgerDamagedException Damaged(StoredRecord stored, string error) =>
        new($"The record at {storage.Describe(stored.Address)} is damaged: {error}. Nothing was changed.");
}
