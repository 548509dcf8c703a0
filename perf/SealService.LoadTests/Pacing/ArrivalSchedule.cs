using System.Diagnostics;

namespace SealService.LoadTests.Pacing;

/// <summary>When documents are meant to start, whatever the server does: an open loop. One stream's own; not thread-safe.</summary>
public abstract class ArrivalSchedule
{
    private readonly long _start;
    private long _count;

    protected ArrivalSchedule(long start)
    {
        _start = start;
    }

    /// <summary>The timestamp (<see cref="Stopwatch"/>) at which the next document is meant to start.</summary>
    public long Next { get; private set; }

    /// <summary>The next document was started.</summary>
    public void Advance()
    {
        Next = _start + (long)(SecondsOf(_count) * Stopwatch.Frequency);
        _count++;
    }

    /// <summary>The instant of document <paramref name="number"/> (from 0, asked in this order), in seconds after the start.</summary>
    protected abstract double SecondsOf(long number);

    /// <summary>Evenly spaced.</summary>
    public static ArrivalSchedule Constant(long start, double perSecond) => Begin(new ConstantSchedule(start, perSecond));

    /// <summary>A rate that rises or falls evenly over a time, and then stays.</summary>
    public static ArrivalSchedule Ramp(long start, double fromPerSecond, double toPerSecond, TimeSpan over) =>
        Begin(new RampSchedule(start, fromPerSecond, toPerSecond, over.TotalSeconds));

    /// <summary>Independent arrivals: the gaps are exponentially distributed.</summary>
    public static ArrivalSchedule Poisson(long start, double perSecond, int seed) => Begin(new PoissonSchedule(start, perSecond, seed));

    private static ArrivalSchedule Begin(ArrivalSchedule schedule)
    {
        schedule.Advance();
        return schedule;
    }

    private sealed class ConstantSchedule(long start, double perSecond) : ArrivalSchedule(start)
    {
        protected override double SecondsOf(long number) => number / perSecond;
    }

    private sealed class RampSchedule(long start, double from, double to, double seconds) : ArrivalSchedule(start)
    {
        // After t seconds from·t + (to − from)·t²/(2·seconds) documents have started; solved for t.
        protected override double SecondsOf(long number)
        {
            var duringRamp = (from + to) / 2 * seconds;
            if (number >= duringRamp)
            {
                return seconds + ((number - duringRamp) / to);
            }

            var acceleration = (to - from) / seconds;
            return Math.Abs(acceleration) < 1e-9 ? number / from : (Math.Sqrt((from * from) + (2 * acceleration * number)) - from) / acceleration;
        }
    }

    private sealed class PoissonSchedule(long start, double perSecond, int seed) : ArrivalSchedule(start)
    {
#pragma warning disable CA5394 // load needs no unpredictable numbers, it needs the same ones again
        private readonly Random _random = new(seed);
        private double _seconds;

        protected override double SecondsOf(long number) => _seconds += -Math.Log(1 - _random.NextDouble()) / perSecond;
#pragma warning restore CA5394
    }
}
