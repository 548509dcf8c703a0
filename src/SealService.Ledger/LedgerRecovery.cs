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
    private RecordChain _chain = new(storage, new CompactRange(), snapshot: null); // the records' own when derived data is open
    private bool _rebuilt;

    public DerivedData Derived { get; private set; } = null!;

    public LedgerIndexer Indexer { get; private set; } = null!;

    public CompactRange Edge => _chain.Edge;

    public SignedHead Head { get; private set; } = null!;

    /// <summary>The greatest time in the ledger.</summary>
    public long LastSealedAtUnixMs { get; private set; }

    public long ScannedRecords => _chain.Count;

    /// <exception cref="LedgerException">The ledger belongs to another key, or could not be begun.</exception>
    /// <exception cref="LedgerDamagedException">Records are damaged or missing.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _snapshot = Snapshot.TryReadSigned(options.DerivedFolder, authority);
        if (storage.IsEmpty)
        {
            if (_snapshot is not null)
            {
                throw _chain.Missing($"{options.DerivedFolder} has a signed snapshot of {_snapshot.TreeSize}");
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
            _chain = new RecordChain(storage, _snapshot?.Edge.Clone() ?? new CompactRange(), _snapshot);
            if (_snapshot is null && Derived.Lookup.RunsEnd > 0)
            {
                Derived.Dispose();
                throw new DerivedDataException("there is no valid snapshot");
            }
        }
        catch (DerivedDataException exception)
        {
            LedgerLog.RebuildingDerived(logger, options.DerivedFolder, exception.Message);
            Derived = DerivedData.Rebuild(options.DerivedFolder, options.IndexKeysInMemoryMax, _snapshot);
            _chain = new RecordChain(storage, new CompactRange(), _snapshot);
            _rebuilt = true;
        }

        Indexer = new LedgerIndexer(Derived, options, fault, logger);
    }

    private async Task ScanAsync(CancellationToken cancellationToken)
    {
        // The snapshot's own last record is read again: it proves that the records and the snapshot are of one ledger.
        bool fromSnapshot = Edge.End > 0;
        await foreach (StoredRecord stored in storage.ScanAsync(fromSnapshot ? _snapshot!.Address : 0, cancellationToken))
        {
            _chain.Read(stored);
            if (fromSnapshot)
            {
                fromSnapshot = false;
                RequireSnapshotRecord(stored);
            }
            else
            {
                SealedBatch batch = _chain.Extend(stored);
                Head = batch.Head;
                Indexer.Apply(batch);
            }
        }

        if (Derived.Lookup.RunsEnd > Edge.End)
        {
            throw _chain.Missing($"{options.DerivedFolder} has indexed {Derived.Lookup.RunsEnd}");
        }

        _chain.RequireSnapshotReached();
    }

    private void RequireSnapshotRecord(StoredRecord stored)
    {
        if (_chain.Last.FirstIndex + _chain.Last.Count != Edge.End || !_chain.Last.Checkpoint.Span.SequenceEqual(_snapshot!.Note.Span))
        {
            throw _chain.Damaged(stored, $"it is not the record of the signed snapshot of {Edge.End} entries");
        }

        Head = new SignedHead(Edge.End, Edge.GetRootHash(), _snapshot.Note);
    }

    /// <summary>The last signature speaks for all before it: its root follows from every entry.</summary>
    private void VerifyLast()
    {
        if (!authority.TryOpen(Head.Note, out _, out string error))
        {
            throw authority.AnotherKey($"The ledger's last checkpoint, at {storage.Describe(_chain.LastAddress)},", error);
        }

        ReadOnlySpan<byte> entries = _chain.Last.Entries.Span;
        while (!entries.IsEmpty)
        {
            if (LogEntryCodec.TryRead(RecordCodec.TakeEntry(ref entries), out LogEntry entry, out _))
            {
                LastSealedAtUnixMs = Math.Max(LastSealedAtUnixMs, entry.SealedAtUnixMs);
            }
        }
    }
}
