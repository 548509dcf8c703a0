namespace SealService.LoadTests.Pacing;

/// <summary>
/// Wakes the senders of an open loop about once a millisecond, from a thread of its own: timers of the pool would wait behind the work that is
/// to be measured.
/// </summary>
internal sealed class Pacer : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(1);

    private readonly Thread _thread;
    private volatile TaskCompletionSource _tick = NewTick();
    private volatile bool _isDisposed;

    public Pacer()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "pacer", Priority = ThreadPriority.AboveNormal };
        _thread.Start();
    }

    /// <summary>Completes with the next tick.</summary>
    public Task NextTick => _tick.Task;

    public void Dispose()
    {
        _isDisposed = true;
        _thread.Join();
        _tick.TrySetResult();
    }

    private void Run()
    {
        while (!_isDisposed)
        {
            Thread.Sleep(Period);
            var tick = _tick;
            _tick = NewTick();
            tick.SetResult();
        }
    }

    private static TaskCompletionSource NewTick() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
