namespace SealService.LoadTests.Pacing;

/// <summary>The rate of an open loop: what it is a share of, and how arrivals are spread.</summary>
internal sealed record Pace
{
    private Pace(double rate, bool isShare, Shape shape)
    {
        Rate = rate;
        IsShareOfCapacity = isShare;
        Spread = shape;
    }

    /// <summary>How arrivals are spread over time.</summary>
    public enum Shape
    {
        Constant,
        Poisson,

        /// <summary>From a tenth of the rate up to it.</summary>
        Ramp,
    }

    /// <summary>How long a ramp rises.</summary>
    public static TimeSpan RampDuration { get; } = TimeSpan.FromSeconds(8);

    /// <summary>Documents a second, or a share of what the target can do.</summary>
    public double Rate { get; }

    /// <summary>The rate is measured in a closed loop right before the run, on the same server.</summary>
    public bool IsShareOfCapacity { get; }

    public Shape Spread { get; }

    public static Pace PerSecond(double rate, Shape shape = Shape.Constant) => new(rate, isShare: false, shape);

    public static Pace OfCapacity(double share, Shape shape = Shape.Constant) => new(share, isShare: true, shape);

    /// <summary>The schedule of one of several streams.</summary>
    /// <param name="start">The timestamp of the first arrival.</param>
    /// <param name="streams">How many streams share the rate.</param>
    /// <param name="seed">Of random arrivals.</param>
    /// <param name="capacity">Documents a second that the target can do.</param>
    public ArrivalSchedule CreateSchedule(long start, int streams, int seed, double capacity)
    {
        var rate = (IsShareOfCapacity ? Rate * capacity : Rate) / streams;
        return Spread switch
        {
            Shape.Poisson => ArrivalSchedule.Poisson(start, rate, seed),
            Shape.Ramp => ArrivalSchedule.Ramp(start, rate / 10, rate, RampDuration),
            _ => ArrivalSchedule.Constant(start, rate),
        };
    }
}
