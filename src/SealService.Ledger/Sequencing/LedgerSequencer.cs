using Microsoft.Extensions.Logging;
using SealService.Ledger.Derived;
using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// The one loop that extends the ledger: it swaps the open batch as soon as the last one is done, seals it, and only then
/// wakes its waiters. While one batch is signed and written the next one fills.
/// </summary>
/// <remarks>
/// Two severities. No signature or no room: this batch's waiters fail, nothing was persisted, the tree is unchanged.
/// Anything else: the state is unknown, everybody fails, and nothing more is accepted.
/// </remarks>
internal sealed class LedgerSequencer
{
    private readonly BatchSealer _sealer;
    private readonly LedgerIndexer _indexer;
    private readonly LedgerFault _fault;
    private readonly LedgerMetrics _metrics;
    private readonly ILogger _logger;
    private readonly AsyncSignal _wake = new();
    private readonly Watermark _treeSize;
    private readonly List<Segment> _pending = []; // of the batch that is being sealed, not yet completed; owned by the loop
    private CompactRange _edge; // owned by the loop
    private volatile SignedHead _head; // written by the loop
    private volatile OpenBatch? _open; // written by the loop; null when nothing more is accepted
    private volatile OpenBatch? _sealing; // written by the loop
    private volatile bool _stopping;

    public LedgerSequencer(
        LedgerOptions options, BatchSealer sealer, LedgerClock clock, SegmentPool segments, LedgerIndexer indexer, LedgerFault fault,
        CompactRange edge, SignedHead head, LedgerMetrics metrics, ILogger logger)
    {
        Options = options;
        Clock = clock;
        Segments = segments;
        Unread = new UnreadBytes(options.UnreadBytesMax);
        _sealer = sealer;
        _indexer = indexer;
        _fault = fault;
        _edge = edge;
        _head = head;
        _treeSize = new Watermark(head.TreeSize);
        _metrics = metrics;
        _logger = logger;
        _open = NewBatch();
    }

    public LedgerOptions Options { get; }

    public LedgerClock Clock { get; }

    public SegmentPool Segments { get; }

    public UnreadBytes Unread { get; }

    /// <summary>The batch that takes entries; null when the ledger takes no more.</summary>
    public OpenBatch? Open => _open;

    public SignedHead Head => _head;

    /// <summary>The room that writers have taken in the open batch and in the one that is being sealed.</summary>
    public long EntriesWaiting => (_open?.ReservedEntries ?? 0) + (long)(_sealing?.ReservedEntries ?? 0);

    /// <summary>Says that the open batch has its first entries, or that there is something else to look at.</summary>
    public void Wake() => _wake.Set();

    /// <summary>Runs until it is stopped or the ledger's state is unknown; never throws.</summary>
    public async Task RunAsync()
    {
        while (_open is not null)
        {
            await _wake.WaitAsync();
            await SwapAsync(last: _stopping || _fault.Exception is not null);
            try
            {
                if (_fault.Exception is { } fault)
                {
                    throw fault;
                }

                await SealAsync();
            }
#pragma warning disable CA1031 // whatever it is, the ledger's state is unknown and must be said to be
            catch (Exception exception)
            {
                await FailEverythingAsync(exception);
            }
#pragma warning restore CA1031
            _sealing = null;
        }

        Unread.WakeAll(); // to see that there is no open batch any more
        _treeSize.End(new LedgerException("The ledger has stopped.", _fault.Exception));
    }

    /// <summary>Takes no more entries; the loop ends when those that were accepted are sealed.</summary>
    public void Stop()
    {
        _stopping = true;
        Wake();
    }

    /// <summary>A head of more than so many entries: the newest there is, as soon as there is one.</summary>
    /// <exception cref="LedgerException">The ledger has stopped.</exception>
    public async ValueTask<SignedHead> WaitForHeadAfterAsync(long treeSize, CancellationToken cancellationToken)
    {
        await _treeSize.WaitForMoreThanAsync(treeSize, cancellationToken);
        return _head;
    }

    /// <summary>Opens the next batch, or none, waits until the writers are out of this one and takes its segments.</summary>
    private async ValueTask SwapAsync(bool last)
    {
        OpenBatch batch = _open!;
        _sealing = batch;
        batch.Close();
        _open = last ? null : NewBatch(); // its floor is read after the close
        batch.ReleaseWaiters();
        await batch.WaitUntilDrainedAsync();
        _pending.AddRange(batch.Segments);
    }

    private OpenBatch NewBatch() => new(Options.EntriesPerBatchMax, Options.BatchBytesMax, Clock.Read());

    private async ValueTask SealAsync()
    {
        DropEmpty();
        if (_pending.Count == 0)
        {
            return;
        }

        SealedBatch batch;
        try
        {
            batch = await _sealer.SealAsync(_pending, _edge, _head);
        }
        catch (NotSealedException exception)
        {
            FailUnsealed(exception);
            return;
        }

        Publish(batch);
        await _indexer.EnqueueAsync(batch);
    }

    /// <summary>A segment without entries is one whose first document its writer could not write after all.</summary>
    private void DropEmpty()
    {
        _pending.RemoveAll(segment =>
        {
            bool isEmpty = segment.Count == 0;
            if (isEmpty)
            {
                segment.CompleteFailed(new LedgerFailure(LedgerError.Closing, "The segment has no entries.")); // goes to the pool
            }

            return isEmpty;
        });
    }

    private void Publish(SealedBatch batch)
    {
        _edge = batch.Edge;
        _head = batch.Head;
        _metrics.BatchSealed(batch.Record.Count);
        LedgerLog.Sealed(_logger, batch.Record.Count, _pending.Count, batch.Head.TreeSize, batch.Record.Entries.Length);
        foreach (Segment segment in _pending)
        {
            segment.CollectClaims(batch.Claims);
            segment.CompleteSealed(batch.Head); // from here on it is its reader's
        }

        _pending.Clear();
        _treeSize.AdvanceTo(batch.Head.TreeSize);
    }

    private void FailUnsealed(NotSealedException exception)
    {
        int entries = _pending.Sum(segment => segment.Count);
        LedgerLog.NotSealed(_logger, _head.TreeSize + entries, entries, exception);
        _metrics.BatchFailed();
        FailPending(new LedgerFailure(exception.Error, exception.Message, exception));
    }

    private async ValueTask FailEverythingAsync(Exception exception)
    {
        _fault.Raise(exception);
        if (_open is not null)
        {
            await SwapAsync(last: true);
        }

        FailPending(new LedgerFailure(
            LedgerError.StateUnknown, "A write or a verification failed: whether the documents are sealed is not known.", exception));
    }

    private void FailPending(LedgerFailure failure)
    {
        foreach (Segment segment in _pending)
        {
            segment.CompleteFailed(failure);
        }

        _pending.Clear();
    }
}
