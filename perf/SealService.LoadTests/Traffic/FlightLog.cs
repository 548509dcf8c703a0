using System.Diagnostics;
using SealService.LoadTests.Measuring;

namespace SealService.LoadTests.Traffic;

/// <summary>
/// When each document of one stream was meant to start, until it is answered. Answers of a stream come in the order of its documents. One
/// thread begins, one answers.
/// </summary>
public sealed class FlightLog
{
    private readonly long[] _starts; // written by the sender before _begun, read by the answering side after it
    private readonly int _mask;
    private readonly StreamMeter _meter;
    private long _begun; // owned by the sender
    private long _answered; // owned by the answering side
    private Waiter? _waiter;

    /// <param name="window">The most documents that may be unanswered; a power of two.</param>
    public FlightLog(int window, StreamMeter meter)
    {
        Window = window;
        _meter = meter;
        _starts = new long[window];
        _mask = window - 1;
    }

    /// <summary>The most documents that may be unanswered.</summary>
    public int Window { get; }

    /// <summary>How many documents were answered; for the answering side.</summary>
    public long Answered => _answered;

    public long InFlight => Volatile.Read(ref _begun) - Volatile.Read(ref _answered);

    /// <summary>Waits until so many documents more may be sent.</summary>
    public ValueTask WaitForRoomAsync(int documents, CancellationToken cancellationToken)
    {
        if (InFlight + documents <= Window)
        {
            return default;
        }

        var waiter = new Waiter(documents);
        Volatile.Write(ref _waiter, waiter);
        WakeWhenThereIsRoom(); // an answer may have come just before
        return new ValueTask(waiter.Task.WaitAsync(cancellationToken));
    }

    /// <summary>Documents are being sent that were meant to start at these timestamps.</summary>
    public void Begin(ReadOnlySpan<long> timestamps)
    {
        for (var i = 0; i < timestamps.Length; i++)
        {
            _starts[(_begun + i) & _mask] = timestamps[i];
        }

        Volatile.Write(ref _begun, _begun + timestamps.Length);
    }

    /// <summary>Documents are being sent that all were meant to start at <paramref name="timestamp"/>.</summary>
    public void Begin(long timestamp, int documents)
    {
        for (var i = 0; i < documents; i++)
        {
            _starts[(_begun + i) & _mask] = timestamp;
        }

        Volatile.Write(ref _begun, _begun + documents);
    }

    /// <summary>The next documents were answered now.</summary>
    public void Answer(int documents)
    {
        var now = Stopwatch.GetTimestamp();
        for (var i = 0; i < documents;)
        {
            // Documents that started together are recorded together.
            var start = _starts[(_answered + i) & _mask];
            var run = 1;
            while (i + run < documents && _starts[(_answered + i + run) & _mask] == start)
            {
                run++;
            }

            _meter.Latencies.Record(Stopwatch.GetElapsedTime(start, now), run);
            i += run;
        }

        Volatile.Write(ref _answered, _answered + documents);
        WakeWhenThereIsRoom();
    }

    private void WakeWhenThereIsRoom()
    {
        Interlocked.MemoryBarrier(); // either this side sees the waiter or the waiter's side sees the answer
        if (Volatile.Read(ref _waiter) is { } waiter && InFlight + waiter.Documents <= Window)
        {
            Volatile.Write(ref _waiter, null);
            waiter.TrySetResult();
        }
    }

    private sealed class Waiter(int documents) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public int Documents => documents;
    }
}
