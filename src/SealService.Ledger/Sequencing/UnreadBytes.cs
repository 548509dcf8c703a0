namespace SealService.Ledger.Sequencing;

/// <summary>
/// The memory of all segments that were delivered and not yet given back, over all writers of a ledger. Above the maximum a
/// writer that has such segments itself waits; one that has none goes on, so clients that do not read hold up nobody else.
/// </summary>
internal sealed class UnreadBytes(long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly HashSet<LedgerWriter> _waiters = []; // guarded by _lock
    private long _bytes; // interlocked

    public bool IsFull => Volatile.Read(ref _bytes) >= bytesMax;

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    public void Remove(long bytes)
    {
        long left = Interlocked.Add(ref _bytes, -bytes);
        if (left < bytesMax && left + bytes >= bytesMax)
        {
            WakeAll();
        }
    }

    /// <summary>Has a writer woken when there is room again. False when there is.</summary>
    public bool TryAddWaiter(LedgerWriter writer)
    {
        // Whoever makes room after this look takes the lock after it, and finds the waiter.
        lock (_lock)
        {
            bool isFull = IsFull;
            if (isFull)
            {
                _waiters.Add(writer);
            }

            return isFull;
        }
    }

    public void RemoveWaiter(LedgerWriter writer)
    {
        lock (_lock)
        {
            _waiters.Remove(writer);
        }
    }

    /// <summary>Has every waiter look again.</summary>
    public void WakeAll()
    {
        lock (_lock)
        {
            foreach (LedgerWriter writer in _waiters)
            {
                writer.WakeToEnter(); // continues elsewhere, so not under this lock
            }

            _waiters.Clear();
        }
    }
}
