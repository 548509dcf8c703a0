namespace SealService.Ledger.Sequencing;

/// <summary>
/// The batch that writers fill. A writer is inside between <see cref="TryPin"/> and <see cref="Unpin"/>; once the batch is
/// closed nobody gets in, and when the last one is out the sequencer has it to itself.
/// </summary>
internal sealed class OpenBatch(int entriesMax, int bytesMax, long floorUnixMs)
{
    private const int Closed = int.MinValue; // the sign bit

    private readonly AsyncSignal _drained = new();
    private readonly Lock _lock = new();
    private readonly HashSet<LedgerWriter> _waiters = []; // guarded by _lock
    private readonly List<Segment> _segments = []; // guarded by _lock until drained, then owned by the sequencer
    private int _inside; // writers inside, and Closed; interlocked
    private int _entries; // reserved; interlocked
    private int _bytes; // reserved; interlocked
    private long _expectedBytes; // asked for by segments that begin; interlocked
    private volatile bool _isFull;
    private bool _swapped; // guarded by _lock

    /// <summary>The greatest time of the batch before: no entry of this one may have a lower.</summary>
    public long FloorUnixMs => floorUnixMs;

    /// <summary>The batch's segments in the order in which their writers began them; for the sequencer, when drained.</summary>
    public List<Segment> Segments => _segments;

    /// <summary>The room that writers have taken; a little more than what they have used.</summary>
    public int ReservedEntries => Volatile.Read(ref _entries);

    /// <summary>A writer waits for the next batch: it has found no room in this one, or none in its segment.</summary>
    public bool IsFull => _isFull;

    public bool TryPin()
    {
        int inside = Volatile.Read(ref _inside);
        while (inside >= 0)
        {
            int seen = Interlocked.CompareExchange(ref _inside, inside + 1, inside);
            if (seen == inside)
            {
                return true;
            }

            inside = seen;
        }

        return false;
    }

    public void Unpin()
    {
        if (Interlocked.Decrement(ref _inside) == Closed)
        {
            _drained.Set();
        }
    }

    /// <summary>Lets nobody in any more.</summary>
    public void Close()
    {
        if (Interlocked.Or(ref _inside, Closed) == 0)
        {
            _drained.Set();
        }
    }

    /// <summary>Waits until everybody is out of the closed batch.</summary>
    public ValueTask WaitUntilDrainedAsync() => _drained.WaitAsync();

    /// <summary>Takes room from the batch, or takes none.</summary>
    public bool TryReserve(int entries, int bytes)
    {
        if (Interlocked.Add(ref _entries, entries) <= entriesMax)
        {
            if (Interlocked.Add(ref _bytes, bytes) <= bytesMax)
            {
                return true;
            }

            Interlocked.Add(ref _bytes, -bytes);
        }

        Interlocked.Add(ref _entries, -entries);
        return false;
    }

    /// <summary>
    /// Whether a segment may begin with buffers for so many bytes that it expects: all segments together for as many as the batch takes,
    /// or a thousand writers that had a batch each would take the memory of a thousand.
    /// </summary>
    public bool TryExpect(int bytes) => Interlocked.Add(ref _expectedBytes, bytes) <= bytesMax;

    /// <summary>Adds a segment; its writer is inside.</summary>
    /// <returns>True when it is the batch's first.</returns>
    public bool Add(Segment segment)
    {
        lock (_lock)
        {
            _segments.Add(segment);
            return _segments.Count == 1;
        }
    }

    /// <summary>Has a writer woken when another batch is open. False when one is already.</summary>
    public bool TryAddWaiter(LedgerWriter writer)
    {
        lock (_lock)
        {
            if (!_swapped)
            {
                _waiters.Add(writer);
                _isFull = true;
            }

            return !_swapped;
        }
    }

    /// <summary>Wakes those that wait for the next batch.</summary>
    public void ReleaseWaiters()
    {
        lock (_lock)
        {
            _swapped = true;
        }

        // Nobody is added any more.
        foreach (LedgerWriter writer in _waiters)
        {
            writer.WakeToEnter();
        }

        _waiters.Clear();
    }
}
