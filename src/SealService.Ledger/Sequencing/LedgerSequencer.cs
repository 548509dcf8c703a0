using System.Diagnostics;
using Microsoft.Extensions.Logging;
using SealService.Ledger.Derived;
using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// The one loop that extends the ledger: it swaps the open batch as soon as the last one is signed, has it signed, and writes it once
/// the one before is written; only then its waiters are woken. So while one batch is written the next is signed, and a third fills.
/// </summary>
/// <remarks>
/// Two severities. No signature or no room: this batch's waiters fail, nothing was persisted, the tree is unchanged.
/// Anything else: the state is unknown, everybody fails, and nothing more is accepted.
/// </remarks>
internal sealed class LedgerSequencer
{
    private static readonly TimeSpan PaceStep = TimeSpan.FromMilliseconds(1);

    private readonly BatchSealer _sealer;
    private readonly LedgerIndexer _indexer;
    private readonly LedgerFault _fault;
    private readonly LedgerMetrics _metrics;
    private readonly ILogger _logger;
    private readonly AsyncSignal _wake = new();
    private readonly Watermark _treeSize;
    private CompactRange _edge; // of what is signed; owned by the loop
    private SignedHead _signed; // the last head that was signed; owned by the loop
    private Task _writing = Task.CompletedTask; // of the batch that was signed last; never fails; owned by the loop
    private volatile SignedHead _head; // the last one that is durable
    private volatile OpenBatch? _open; // written by the loop; null when nothing more is accepted
    private volatile bool _stopping;
    private long _closedAt; // when the last batch was closed; owned by the loop
    private int _entriesOfLast; // of it; owned by the loop
    private long _documentBytesOfLast; // of it; owned by the loop
    private long _entriesClosed; // the room taken in batches that are closed and not yet sealed; interlocked

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
        _signed = head;
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
    public OpenBatch? Open => _fault.Exception is null ? _open : null;

    public SignedHead Head => _head;

    /// <summary>The room that writers have taken in the open batch and in those that are being sealed.</summary>
    public long EntriesWaiting => (_open?.ReservedEntries ?? 0) + Interlocked.Read(ref _entriesClosed);

    /// <summary>Says that the open batch has its first entries, or that there is something else to look at.</summary>
    public void Wake() => _wake.Set();

    /// <summary>Runs until it is stopped or the ledger's state is unknown; never throws.</summary>
    public async Task RunAsync()
    {
        while (_open is not null)
        {
            await _wake.WaitAsync();
            await WaitUntilWorthwhileAsync();
            await SealAsync(await SwapAsync(last: _stopping || _fault.Exception is not null));
        }

        await _writing;
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

    /// <summary>
    /// Every batch costs a signature and a durable write, a millisecond of processor time. A small one is not begun beside a write:
    /// when that is done, it has grown. And while many come, batches keep an interval: more of them would only use up the processor.
    /// </summary>
    private async ValueTask WaitUntilWorthwhileAsync()
    {
        if (_open!.ReservedEntries < Options.EntriesBesideWriteMin)
        {
            await _writing;
        }

        if (_entriesOfLast >= Options.EntriesForLongIntervalMin
            || (_entriesOfLast >= Options.EntriesForIntervalMin && _documentBytesOfLast >= Options.DocumentBytesForLongIntervalMin))
        {
            await KeepLongIntervalAsync();
        }

        while (_entriesOfLast >= Options.EntriesForIntervalMin && MayWait(Options.BatchInterval))
        {
            await Task.Delay(PaceStep);
        }
    }

    /// <summary>As long as entries keep coming: a client that waits for its answers before it goes on must not wait for nothing.</summary>
    private async ValueTask KeepLongIntervalAsync()
    {
        int entriesSeen = -1;
        long seenAt = _closedAt;
        while (MayWait(Options.LongBatchInterval))
        {
            if (Stopwatch.GetElapsedTime(seenAt) >= Options.LongBatchInterval / 4)
            {
                if (_open!.ReservedEntries == entriesSeen)
                {
                    return;
                }

                entriesSeen = _open.ReservedEntries;
                seenAt = Stopwatch.GetTimestamp();
            }

            await Task.Delay(PaceStep);
        }
    }

    private bool MayWait(TimeSpan interval) =>
        !_stopping && Open is { IsFull: false } && Stopwatch.GetElapsedTime(_closedAt) < interval;

    /// <summary>Opens the next batch, or none, waits until the writers are out of this one and takes it.</summary>
    private async ValueTask<OpenBatch> SwapAsync(bool last)
    {
        OpenBatch batch = _open!;
        batch.Close();
        _closedAt = Stopwatch.GetTimestamp();
        int entriesAtClose = batch.ReservedEntries;
        Interlocked.Add(ref _entriesClosed, entriesAtClose);
        _open = last ? null : NewBatch(); // its floor is read after the close
        batch.ReleaseWaiters();
        await batch.WaitUntilDrainedAsync();
        _entriesOfLast = batch.Segments.Sum(segment => segment.Count);
        _documentBytesOfLast = batch.Segments.Sum(segment => segment.DocumentBytes);
        Interlocked.Add(ref _entriesClosed, batch.ReservedEntries - entriesAtClose); // writers who were inside went on adding
        return batch;
    }

    private OpenBatch NewBatch() => new(Options.EntriesPerBatchMax, Options.BatchBytesMax, Clock.Read());

    /// <summary>Signs a closed batch, and begins to write it when the one before is written.</summary>
    private async ValueTask SealAsync(OpenBatch batch)
    {
        List<Segment> segments = batch.Segments;
        try
        {
            ThrowIfFaulted();
            DropEmpty(segments);
            SignedBatch? signed = segments.Count == 0 ? null : await TrySignAsync(segments);
            if (signed is not null)
            {
                _edge = signed.Edge;
                _signed = signed.Head;
                await _writing;
                ThrowIfFaulted(); // it did not get there, and this batch lies on top of it
                _writing = WriteAsync(signed, batch);
                return;
            }
        }
#pragma warning disable CA1031 // whatever it is, the ledger's state is unknown and must be said to be
        catch (Exception exception)
        {
            await FailEverythingAsync(segments, exception);
        }
#pragma warning restore CA1031
        IsDone(batch);
    }

    /// <summary>Null when the batch could not be signed: its waiters know, and the tree is as it was.</summary>
    private async ValueTask<SignedBatch?> TrySignAsync(List<Segment> segments)
    {
        try
        {
            return await _sealer.SignAsync(segments, _edge, _signed);
        }
        catch (NotSealedException exception)
        {
            await _writing; // its waiters come first
            FailUnsealed(segments, exception);
            return null;
        }
    }

    /// <summary>Writes a signed batch and wakes its waiters; never throws.</summary>
    private async Task WriteAsync(SignedBatch signed, OpenBatch batch)
    {
        await Task.Yield(); // the loop goes on
        try
        {
            SealedBatch written;
            try
            {
                written = await _sealer.WriteAsync(signed);
            }
            finally
            {
                IsDone(batch);
            }

            Publish(written, batch.Segments);
            await _indexer.EnqueueAsync(written);
        }
#pragma warning disable CA1031 // as in SealAsync
        catch (Exception exception)
        {
            _fault.Raise(exception);
            Fail(batch.Segments, StateUnknown(exception));
            Wake(); // to fail whoever waits in the batches behind
        }
#pragma warning restore CA1031
    }

    /// <summary>A segment without entries is one whose first document its writer could not write after all.</summary>
    private static void DropEmpty(List<Segment> segments)
    {
        segments.RemoveAll(segment =>
        {
            bool isEmpty = segment.Count == 0;
            if (isEmpty)
            {
                segment.CompleteFailed(new LedgerFailure(LedgerError.Closing, "The segment has no entries.")); // goes to the pool
            }

            return isEmpty;
        });
    }

    private void Publish(SealedBatch batch, List<Segment> segments)
    {
        _head = batch.Head;
        _metrics.BatchSealed(batch.Record.Count);
        LedgerLog.Sealed(_logger, batch.Record.Count, segments.Count, batch.Head.TreeSize, batch.Record.Entries.Length);
        foreach (Segment segment in segments)
        {
            segment.CollectClaims(batch.Claims);
            segment.CompleteSealed(batch.Head); // from here on it is its reader's
        }

        segments.Clear();
        _treeSize.AdvanceTo(batch.Head.TreeSize);
    }

    private void IsDone(OpenBatch batch) => Interlocked.Add(ref _entriesClosed, -batch.ReservedEntries);

    private void FailUnsealed(List<Segment> segments, NotSealedException exception)
    {
        int entries = segments.Sum(segment => segment.Count);
        LedgerLog.NotSealed(_logger, _signed.TreeSize + entries, entries, exception);
        _metrics.BatchFailed();
        Fail(segments, new LedgerFailure(exception.Error, exception.Message, exception));
    }

    private async ValueTask FailEverythingAsync(List<Segment> segments, Exception exception)
    {
        _fault.Raise(exception);
        if (_open is not null)
        {
            OpenBatch last = await SwapAsync(last: true);
            segments.AddRange(last.Segments);
            IsDone(last);
        }

        await _writing; // its waiters come first
        Fail(segments, StateUnknown(exception));
    }

    private void ThrowIfFaulted()
    {
        if (_fault.Exception is { } fault)
        {
            throw fault;
        }
    }

    private static LedgerFailure StateUnknown(Exception exception) =>
        new(LedgerError.StateUnknown, "A write or a verification failed: whether the documents are sealed is not known.", exception);

    private static void Fail(List<Segment> segments, LedgerFailure failure)
    {
        foreach (Segment segment in segments)
        {
            segment.CompleteFailed(failure);
        }

        segments.Clear();
    }
}
