namespace SealService.LoadTests.Scenarios;

/// <summary>What one run changes of the scenarios' load. What is null stays as each scenario has it.</summary>
internal sealed record LoadShape
{
    /// <summary>Whose files are the documents of the scenario with mixed sizes.</summary>
    public required string Folder { get; init; }

    /// <summary>How long the soak takes.</summary>
    public TimeSpan Soak { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Sizes in bytes that a stream's documents have in turn, where they are of 1 KiB otherwise; at least one.</summary>
    public IReadOnlyList<int>? DocumentSizes { get; init; }

    /// <summary>Sealing streams on each connection.</summary>
    public int StreamsPerConnection { get; init; } = 1;

    /// <summary>Documents a second of the open loops that run at a share of the capacity otherwise.</summary>
    public double? Rate { get; init; }

    public int? Connections { get; init; }

    public int? Rounds { get; init; }

    public TimeSpan? Duration { get; init; }

    public TimeSpan? WarmUp { get; init; }

    /// <summary>Each takes the place of the scenario's own for the same metric and direction, or is added.</summary>
    public IReadOnlyList<Threshold> Thresholds { get; init; } = [];

    /// <summary>A scenario with what can be changed without knowing its traffic.</summary>
    public Scenario Apply(Scenario scenario) => scenario with
    {
        Connections = Connections ?? scenario.Connections,
        Rounds = Rounds ?? scenario.Rounds,
        Duration = Duration ?? scenario.Duration,
        WarmUp = WarmUp ?? scenario.WarmUp,
        Thresholds = Threshold.Override(scenario.Thresholds, Thresholds),
    };
}
