namespace Grpc.Server.Internal;

/// <summary>
/// Finds the calls that have waited too long for their client. One timer looks at all of them: a timer for each wait would cost
/// more than the wait's read. A call is here from its first wait to its end.
/// </summary>
internal sealed class StallWatch : IDisposable
{
    /// <summary>A stall is found at the latest by this part of its time-out too late.</summary>
    private const int LooksPerTimeout = 8;

    private static readonly TimeSpan LongestPeriod = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time;
    private readonly TimeSpan _idleReadTimeout;
    private readonly TimeSpan _writeTimeout;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();

    // Guarded by _gate. A call's place is its WatchIndex; the last one moves into the place of one that leaves.
    private readonly List<ServerCall> _calls = [];

    public StallWatch(GrpcServerOptions options, TimeProvider time)
    {
        _time = time;
        _idleReadTimeout = options.IdleReadTimeout;
        _writeTimeout = options.WriteTimeout;
        var shorter = _idleReadTimeout < _writeTimeout ? _idleReadTimeout : _writeTimeout;
        var period = shorter / LooksPerTimeout;
        period = period > LongestPeriod ? LongestPeriod : period < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : period;
        _timer = time.CreateTimer(static self => ((StallWatch)self!).Look(), this, period, period);
    }

    public void Add(ServerCall call)
    {
        lock (_gate)
        {
            call.WatchIndex = _calls.Count;
            _calls.Add(call);
        }
    }

    public void Remove(ServerCall call)
    {
        lock (_gate)
        {
            var last = _calls[^1];
            _calls[call.WatchIndex] = last;
            last.WatchIndex = call.WatchIndex;
            _calls.RemoveAt(_calls.Count - 1);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var now = _time.GetTimestamp();
        List<(ServerCall Call, bool Writing)>? stalled = null;
        lock (_gate)
        {
            foreach (var call in _calls)
            {
                if (IsOver(call.ReadWaitSince, now, _idleReadTimeout))
                {
                    (stalled ??= []).Add((call, false));
                }
                else if (IsOver(call.WriteWaitSince, now, _writeTimeout))
                {
                    (stalled ??= []).Add((call, true));
                }
            }
        }

        foreach (var (call, writing) in stalled ?? [])
        {
            call.EndStalled(writing);
        }
    }

    private bool IsOver(long since, long now, TimeSpan timeout) => since != ServerCall.NotWaiting && _time.GetElapsedTime(since, now) >= timeout;
}
