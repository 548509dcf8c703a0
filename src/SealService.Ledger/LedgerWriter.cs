using SealService.Ledger.Sequencing;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// One call's way into the ledger. One loop produces (<see cref="TryEnter"/>, <see cref="TryAdd"/>, <see cref="Leave"/>,
/// <see cref="WaitToEnterAsync"/>, <see cref="Complete"/>) and one consumes (<see cref="ReadSealedAsync"/>); each is
/// single-threaded. What is added comes back in order, one segment a batch.
/// </summary>
/// <remarks>
/// <code>
/// while (await writer.WaitToEnterAsync(token))
/// {
///     if (!writer.TryEnter()) continue;
///     try { while (there are documents here and now &amp;&amp; writer.TryAdd(reference, document)) { } }
///     finally { writer.Leave(); }
/// }
/// </code>
/// Nothing may be awaited between enter and leave: the batch can't be sealed meanwhile. After <see cref="Dispose"/> the
/// entries that were added stay (they may be sealed), but nobody waits for them.
/// </remarks>
public sealed class LedgerWriter : IDisposable
{
    private readonly LedgerSequencer _sequencer;
    private readonly AsyncSignal _enterable = new();
    private readonly AsyncSignal _readable = new();
    private readonly Lock _lock = new();
    private readonly Queue<Segment> _sealed = new(); // guarded by _lock
    private int _outstanding; // segments that are not yet in _sealed; guarded by _lock
    private bool _completed; // guarded by _lock
    private bool _disposed; // guarded by _lock
    private volatile int _unread; // _sealed.Count; written under _lock
    private int _held; // segments that were delivered and not yet given back; interlocked

    // Owned by the producer.
    private OpenBatch? _pinned;
    private OpenBatch? _fullBatch; // took no more from this writer
    private OpenBatch? _segmentBatch; // the batch that _segment is part of; a segment by itself may have been used again
    private Segment? _segment;
    private (int Entries, int Bytes) _added; // to _segment
    private long _enteredUnixMs;
    private bool _waitedForOthers; // it may be among the waiters of the ledger's unread bytes

    internal LedgerWriter(LedgerSequencer sequencer) => _sequencer = sequencer;

    /// <summary>
    /// Enters the open batch. False, and not entered, when it has no room for this writer, when too many sealed segments are
    /// unread (of this writer, or of all of the ledger and some of them this writer's), or when the ledger takes no more: <see cref="WaitToEnterAsync"/> tells them apart.
    /// </summary>
    public bool TryEnter()
    {
        ThrowUnless(_pinned is null, "The writer is inside already.");
        if (_unread >= _sequencer.Options.UnreadSegmentsPerWriterMax || (HasHeld && _sequencer.Unread.IsFull))
        {
            return false;
        }

        // The time is read before the pin: whoever gets into the next batch gets a floor that was read after this batch was
        // closed, which is not before any reading of a writer that got in.
        long now = _sequencer.Clock.Read();
        SpinWait spin = default;
        while (true)
        {
            OpenBatch? batch = _sequencer.Open;
            if (batch is null || batch == _fullBatch)
            {
                return false;
            }

            if (batch.TryPin())
            {
                _pinned = batch;
                _enteredUnixMs = Math.Max(now, batch.FloorUnixMs);
                return true;
            }

            spin.SpinOnce(sleep1Threshold: -1); // closed, and its successor is opened within a microsecond
        }
    }

    /// <summary>
    /// Writes the document's entry into this writer's segment of the batch; leaf hashes are computed many at a time, the last ones by
    /// <see cref="Leave"/>. False, and nothing added, when the batch or the segment has no more room: leave and wait.
    /// </summary>
    /// <param name="reference">The caller's name for the document; it comes back with the sealed segment.</param>
    /// <param name="document">The document. Its claim, if it has one, belongs to the ledger once this has returned true.</param>
    /// <exception cref="ArgumentException">No entry can have these fields, or the claim is spent, or another ledger's.</exception>
    public bool TryAdd(ulong reference, in DocumentSeal document)
    {
        OpenBatch batch = _pinned ?? throw new InvalidOperationException("The writer is not inside.");
        LogEntry entry = default;
        document.FillUnsaltedEntry(_enteredUnixMs, ref entry);
        if (document.FindFault(entry) is { } fault)
        {
            throw new ArgumentException(fault, nameof(document));
        }

        int entryBytes = LogEntryCodec.GetSize(entry);
        bool begins = _segmentBatch != batch;
        if (begins ? !batch.TryReserve(1, entryBytes + Segment.EntryPrefixBytes) : !_segment!.TryReserve(entryBytes, _enteredUnixMs))
        {
            _fullBatch = batch;
            return false;
        }

        if (begins)
        {
            BeginSegment(batch, entryBytes);
        }

        _segment!.Add(reference, ref entry, entryBytes, document.Claim);
        _added = (_added.Entries + 1, _added.Bytes + Segment.EntryPrefixBytes + entryBytes);
        return true;
    }

    /// <summary>Leaves the batch, so that it can be sealed.</summary>
    public void Leave()
    {
        OpenBatch batch = _pinned ?? throw new InvalidOperationException("The writer is not inside.");
        _pinned = null;
        try
        {
            if (_segmentBatch == batch)
            {
                _segment!.HashLeaves();
            }
        }
        finally
        {
            batch.Unpin(); // or the sequencer would wait for ever; it refuses a segment whose entries were not all hashed
        }
    }

    /// <summary>
    /// Waits until entering is worth trying: for the next batch when this one is full, for readers when too many sealed
    /// segments are unread. False when the ledger takes no more entries.
    /// </summary>
    public async ValueTask<bool> WaitToEnterAsync(CancellationToken cancellationToken)
    {
        ThrowUnless(_pinned is null, "The writer is inside.");
        while (true)
        {
            OpenBatch? batch = _sequencer.Open;
            if (batch is null)
            {
                return false;
            }

            if (_unread < _sequencer.Options.UnreadSegmentsPerWriterMax && !MustWaitForReaders() && (batch != _fullBatch || !batch.TryAddWaiter(this)))
            {
                return true;
            }

            await _enterable.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Says that nothing more will be added, so that reading comes to an end.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _completed = true;
        }

        _readable.Set();
    }

    /// <summary>
    /// The next sealed (or failed) segment in order; the caller disposes of it. Null when the writer is complete and
    /// everything has been read.
    /// </summary>
    public async ValueTask<SealedSegment?> ReadSealedAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Segment? segment = null;
            lock (_lock)
            {
                if (_sealed.TryDequeue(out segment))
                {
                    _unread = _sealed.Count;
                }
                else if (_completed && _outstanding == 0)
                {
                    return null;
                }
            }

            if (segment is not null)
            {
                _enterable.Set();
                return new SealedSegment(segment);
            }

            await _readable.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Leaves if it is inside, and abandons what is not yet read. Both loops have ended.</summary>
    public void Dispose()
    {
        if (_pinned is not null)
        {
            Leave();
        }

        if (_waitedForOthers)
        {
            _sequencer.Unread.RemoveWaiter(this);
        }

        lock (_lock)
        {
            _disposed = true;
            _completed = true;
            while (_sealed.TryDequeue(out Segment? segment))
            {
                segment.Release();
            }

            _unread = 0;
        }
    }

    /// <summary>A segment's reader is done with it.</summary>
    internal void GiveBack(long bytes)
    {
        if (Interlocked.Decrement(ref _held) == 0)
        {
            _enterable.Set(); // a writer that holds nothing may enter whatever others hold
        }

        _sequencer.Unread.Remove(bytes);
    }

    internal void WakeToEnter() => _enterable.Set();

    /// <summary>Gives a segment back; called by the sequencer, in the order of the batches.</summary>
    internal void Deliver(Segment segment)
    {
        bool read;
        lock (_lock)
        {
            _outstanding--;
            read = !_disposed && segment.Count > 0;
            if (read)
            {
                Interlocked.Increment(ref _held);
                _sequencer.Unread.Add(segment.MarkUnread());
                _sealed.Enqueue(segment);
                _unread = _sealed.Count;
            }
        }

        if (!read)
        {
            segment.Release();
        }

        _readable.Set();
    }

    private bool HasHeld => Volatile.Read(ref _held) > 0;

    private bool MustWaitForReaders()
    {
        if (!HasHeld || !_sequencer.Unread.TryAddWaiter(this))
        {
            return false;
        }

        _waitedForOthers = true;
        return true; // if the last was given back meanwhile, the wait ends at once
    }

    private void BeginSegment(OpenBatch batch, int entryBytes)
    {
        lock (_lock)
        {
            ThrowUnless(!_completed, "The writer is complete.");
            _outstanding++;
        }

        _segment = _sequencer.Segments.Rent();
        _segment.Begin(this, batch, entryBytes, _enteredUnixMs, expected: _added);
        _added = default;
        _segmentBatch = batch;
        if (batch.Add(_segment))
        {
            _sequencer.Wake();
        }
    }

    private static void ThrowUnless(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }
}
