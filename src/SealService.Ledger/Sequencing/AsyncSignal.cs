using System.Threading.Tasks.Sources;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// An auto-reset event with one waiter at a time, which allocates nothing: a set before the wait is kept, several sets count
/// as one. The waiter continues on the thread pool, never on the thread that sets.
/// </summary>
internal sealed class AsyncSignal : IValueTaskSource
{
    private readonly Lock _lock = new();
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation; // guarded by _lock
    private CancellationToken _token; // the waiter's; guarded by _lock
    private bool _set; // guarded by _lock
    private bool _waiting; // guarded by _lock

    public void Set()
    {
        CancellationTokenRegistration cancellation;
        lock (_lock)
        {
            if (!_waiting)
            {
                _set = true;
                return;
            }

            _waiting = false;
            cancellation = _cancellation;
            _cancellation = default;
        }

        // Unregister does not wait for a callback that runs: it finds _waiting false and does nothing.
        cancellation.Unregister();
        _core.SetResult(true);
    }

    public ValueTask WaitAsync(CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_waiting)
            {
                throw new InvalidOperationException("The signal has a waiter already.");
            }

            if (_set)
            {
                _set = false;
                return ValueTask.CompletedTask;
            }

            if (cancellationToken.IsCancellationRequested)
            {
                return ValueTask.FromCanceled(cancellationToken);
            }

            _core.Reset();
            _waiting = true;
            _token = cancellationToken;
            short version = _core.Version;
            if (cancellationToken.CanBeCanceled)
            {
                // Registering may call back at once, on this thread: Cancel takes the lock again, which is reentrant.
                CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
                    static (state, token) => ((AsyncSignal)state!).Cancel(token), this);
                if (_waiting)
                {
                    _cancellation = registration;
                }
            }

            return new ValueTask(this, version);
        }
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            // A callback that lost against Set may come late, when the next wait, with a token of its own, is under way.
            if (!_waiting || _token != cancellationToken)
            {
                return;
            }

            _waiting = false;
            _cancellation = default;
        }

        _core.SetException(new OperationCanceledException(cancellationToken));
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
