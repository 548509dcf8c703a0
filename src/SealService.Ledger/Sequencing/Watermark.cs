namespace SealService.Ledger.Sequencing;

/// <summary>A number that only grows, for any number of waiters.</summary>
internal sealed class Watermark(long value)
{
    private long _value = value;
    private TaskCompletionSource? _waiters; // interlocked; made when somebody waits
    private volatile Exception? _end;

    public long Value => Volatile.Read(ref _value);

    /// <summary>Called by one thread.</summary>
    public void AdvanceTo(long value)
    {
        Volatile.Write(ref _value, value);
        Interlocked.Exchange(ref _waiters, null)?.SetResult();
    }

    /// <summary>It grows no more: whoever waits, and whoever comes, is told why.</summary>
    public void End(Exception exception)
    {
        _end = exception;
        Interlocked.Exchange(ref _waiters, null)?.SetResult();
    }

    public async ValueTask WaitForMoreThanAsync(long value, CancellationToken cancellationToken)
    {
        while (Value <= value)
        {
            TaskCompletionSource waiters = GetWaiters();

            // Looked at again now that whatever changes completes the waiters.
            if (Value > value)
            {
                return;
            }

            if (_end is { } end)
            {
                throw new LedgerException(end.Message, end.InnerException);
            }

            await waiters.Task.WaitAsync(cancellationToken);
        }
    }

    private TaskCompletionSource GetWaiters()
    {
        TaskCompletionSource? waiters = Volatile.Read(ref _waiters);
        if (waiters is null)
        {
            TaskCompletionSource mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
            waiters = Interlocked.CompareExchange(ref _waiters, mine, null) ?? mine;
        }

        return waiters;
    }
}
