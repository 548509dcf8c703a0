using SealService.LoadTests.Traffic;

namespace SealService.LoadTests.Scenarios;

/// <summary>
/// What is measured and what is expected. The last target is the subject; the others are run alternately with it, round by round, and each
/// gives a ratio.
/// </summary>
internal sealed record Scenario(string Name, string Summary)
{
    public required TrafficSource Traffic { get; init; }

    public IReadOnlyList<Target> Targets { get; init; } = [Target.Null, Target.HashOnly, Target.Service];

    public Target Subject => Targets[^1];

    public int Connections { get; init; } = 4;

    public int Rounds { get; init; } = 2;

    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Ratios compare bytes, not documents: for documents that take longer than a run.</summary>
    public bool ComparesBytes { get; init; }

    public IReadOnlyList<Threshold> Thresholds { get; init; } = [];
}
