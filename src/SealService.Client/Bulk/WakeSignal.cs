namespace SealService.Client.Bulk;

/// <summary>
/// Wakes one waiting loop, which then looks for itself what there is to do. A signal is never lost, also when an earlier wait
/// was given up; the price is that a loop may wake once for nothing.
/// </summary>
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
            // Set even when somebody waits: that may be a wait that was given up, which takes no notice.
            _isSet = true;
            waiter = _waiter;
            _waiter = null;
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

            _waiter ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _waiter.Task;
        }
    }
}
