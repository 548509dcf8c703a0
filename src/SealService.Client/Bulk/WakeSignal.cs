namespace SealService.Client.Bulk;

/// <summary>Wakes one waiting loop; a signal that comes while nobody waits is kept, and several count as one.</summary>
internal sealed class WakeSignal
{
    private readonly Lock _lock = new();

    // Guarded by _lock.
    private TaskCompletionSource? _waiter;
    private bool _isSet;

    public void Set()
    {
        TaskCompletionSource? waiter;
        lock (_lock)
        {
            waiter = _waiter;
            _waiter = null;
            _isSet = waiter is null;
        }

        waiter?.SetResult();
    }

    /// <summary>Completes at the next signal, or at once when there was one since the last wait. One waiter at a time.</summary>
    public Task WaitAsync()
    {
        lock (_lock)
        {
            if (_isSet)
            {
                _isSet = false;
                return Task.CompletedTask;
            }

            // An earlier wait that was given up is joined, so that no signal goes to a waiter who left.
            _waiter ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiter.Task;
        }
    }
}
