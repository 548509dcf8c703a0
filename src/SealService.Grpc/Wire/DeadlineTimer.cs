namespace Grpc.Wire;

/// <summary>Calls back once when a deadline has passed. .NET timers end near 49.7 days, so a longer wait is made of several.</summary>
internal sealed class DeadlineTimer : IDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(40);

    private readonly TimeProvider _time;
    private readonly Action _passed;
    private readonly ITimer _timer;

    /// <param name="time">Where the time comes from.</param>
    /// <param name="deadline">When to call back.</param>
    /// <param name="passed">Called once, on a pool thread. It may still be called while <see cref="Dispose"/> runs.</param>
    public DeadlineTimer(TimeProvider time, DateTimeOffset deadline, Action passed)
    {
        _time = time;
        Deadline = deadline;
        _passed = passed;
        // Armed only when the field is set: the callback uses it.
        _timer = time.CreateTimer(static self => ((DeadlineTimer)self!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Arm();
    }

    /// <summary>When it calls back.</summary>
    public DateTimeOffset Deadline { get; }

    public void Dispose() => _timer.Dispose();

    private void Arm()
    {
        var remaining = Deadline - _time.GetUtcNow();
        if (remaining < TimeSpan.Zero)
        {
            remaining = TimeSpan.Zero;
        }

        _timer.Change(remaining < LongestWait ? remaining : LongestWait, Timeout.InfiniteTimeSpan);
    }

    private void Tick()
    {
        // The wall clock may have been set back, or this was one of several waits.
        if (_time.GetUtcNow() < Deadline)
        {
            Arm();
            return;
        }

        _passed();
    }
}
