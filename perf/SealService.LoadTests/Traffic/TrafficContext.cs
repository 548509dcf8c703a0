using SealService.LoadTests.Measuring;

namespace SealService.LoadTests.Traffic;

/// <summary>Where traffic goes and where it counts.</summary>
internal sealed class TrafficContext
{
    /// <summary>host:port of the server.</summary>
    public required string Address { get; init; }

    /// <summary>HTTP/2 connections.</summary>
    public required int Connections { get; init; }

    /// <summary>Makes everything random the same in each run.</summary>
    public required int Seed { get; init; }

    /// <summary>Verifies a share of the receipts; null against a baseline, which has none.</summary>
    public required ReceiptSampler? Sampler { get; init; }

    /// <summary>Documents a second that the server can do, where that was measured before.</summary>
    public double Capacity { get; init; }

    public Meters Meters { get; } = new();
}

/// <summary>One kind of traffic. It runs until it is told to stop, then finishes what it has begun.</summary>
internal abstract class TrafficSource
{
    /// <summary>Makes what the traffic needs, with the help of a running service. Called once, before any run.</summary>
    public virtual Task PrepareAsync(string serviceAddress, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// The same traffic as fast as it goes, to run before this one: to learn the capacity that this one is a share of, or to warm the server
    /// up for one that is measured from its first moment. Null when it is neither.
    /// </summary>
    public virtual TrafficSource? InClosedLoop() => null;

    /// <summary>Runs the traffic. Failures are counted by the meters.</summary>
    /// <param name="stopping">Begin nothing more.</param>
    public abstract Task RunAsync(TrafficContext context, CancellationToken stopping);

    /// <summary>Several kinds at the same time.</summary>
    public static TrafficSource operator +(TrafficSource left, TrafficSource right) => new Both(left, right);

    /// <summary>The same traffic as the surroundings of another: only its errors count.</summary>
    public TrafficSource AsBackground() => new Background(this);

    private sealed class Background(TrafficSource traffic) : TrafficSource
    {
        public override async Task RunAsync(TrafficContext context, CancellationToken stopping)
        {
            var own = new TrafficContext { Address = context.Address, Connections = context.Connections, Seed = context.Seed, Sampler = context.Sampler };
            await traffic.RunAsync(own, stopping);
            if (own.Meters.FirstError is { } error)
            {
                context.Meters.Add().Failed("in the background: " + error, own.Meters.Read().Errors);
            }
        }
    }

    private sealed class Both(TrafficSource left, TrafficSource right) : TrafficSource
    {
        public override async Task PrepareAsync(string serviceAddress, CancellationToken cancellationToken)
        {
            await left.PrepareAsync(serviceAddress, cancellationToken);
            await right.PrepareAsync(serviceAddress, cancellationToken);
        }

        public override Task RunAsync(TrafficContext context, CancellationToken stopping) =>
            Task.WhenAll(left.RunAsync(context, stopping), right.RunAsync(context, stopping));
    }
}
