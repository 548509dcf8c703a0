using SealService.LoadTests.Measuring;
using SealService.LoadTests.Scenarios;

namespace SealService.LoadTests.Running;

/// <summary>What came of a scenario; what the reports are made of and what <c>compare</c> reads again.</summary>
internal sealed record ScenarioResult
{
    /// <summary>From here on the generator is the reason for a part of the latency, and the report says so.</summary>
    private const double GeneratorLagMaxMs = 5;

    public required string Name { get; init; }

    public required string Summary { get; init; }

    public required IReadOnlyDictionary<string, double> Metrics { get; init; }

    public required IReadOnlyList<TargetResult> Targets { get; init; }

    public required IReadOnlyList<ThresholdResult> Thresholds { get; init; }

    /// <summary>What a reader should know before believing the numbers.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The subject's latencies: upper bounds in milliseconds, and counts.</summary>
    public required IReadOnlyList<HistogramBucket> Latencies { get; init; }

    public bool Passed => Thresholds.All(t => t.Holds);

    public static ScenarioResult Of(Scenario scenario, IReadOnlyList<Run> runs, double idleRssMib, long receiptsVerified, MachineState machine)
    {
        var subject = RunsOf(runs, scenario.Subject);
        var metrics = Running.Metrics.Of(subject, idleRssMib, receiptsVerified);
        metrics[Running.Metrics.MachineDiskMaxMs] = machine.DurableWriteMaxMs;
        metrics[Running.Metrics.MachineMemoryNs] = machine.RandomStepNs;
        foreach (var reference in scenario.Targets.SkipLast(1))
        {
            var ratio = Running.Metrics.Median(
                RunsOf(runs, reference).Zip(subject, (r, s) => scenario.ComparesBytes ? s.MegabytesPerSecond / r.MegabytesPerSecond : s.DocumentsPerSecond / r.DocumentsPerSecond));
            if (double.IsFinite(ratio)) // else the reference answered nothing, and there is none
            {
                metrics[Running.Metrics.RatioTo(reference)] = ratio;
            }
        }

        var latencies = new LatencyHistogram();
        foreach (var run in subject)
        {
            latencies.Add(run.Work.Latencies);
        }

        return new ScenarioResult
        {
            Name = scenario.Name,
            Summary = scenario.Summary,
            Metrics = metrics,
            Targets = [.. scenario.Targets.Select(t => TargetResult.Of(t, RunsOf(runs, t)))],
            Thresholds = [.. scenario.Thresholds.Select(t => ThresholdResult.Of(t, metrics.GetValueOrDefault(t.Metric, double.NaN)))],
            Notes = [.. NotesOn(runs, metrics)],
            Latencies = [.. latencies.Buckets().Select(b => new HistogramBucket(b.UpToMs, b.Count))],
        };
    }

    private static List<Run> RunsOf(IEnumerable<Run> runs, Target target) => [.. runs.Where(r => r.Target == target)];

    private static IEnumerable<string> NotesOn(IReadOnlyList<Run> runs, SortedDictionary<string, double> metrics)
    {
        if (metrics[Running.Metrics.GeneratorLagP99Ms] > GeneratorLagMaxMs)
        {
            yield return FormattableString.Invariant(
                $"The generator fell behind: 1 % of its sends were {metrics[Running.Metrics.GeneratorLagP99Ms]:0.0} ms late or more for want of processor time; the latencies contain that.");
        }

        if (metrics[Running.Metrics.SlowCommits] > 0)
        {
            yield return FormattableString.Invariant(
                $"{metrics[Running.Metrics.SlowCommits]:N0} of {metrics[Running.Metrics.Batches]:N0} durable writes took more than 25 ms; the latencies contain that.");
        }

        foreach (var run in runs.Where(r => r.FirstError is not null))
        {
            yield return $"{run.Target.Name}, round {run.Round}: {run.Errors} errors; the first: {run.FirstError}";
        }
    }
}

/// <summary>The runs of one target.</summary>
/// <param name="DocumentsPerSecond">One number a round, and so for megabytes.</param>
/// <param name="ServerMicrosecondsPerDocument">Processor time of the server.</param>
internal sealed record TargetResult(
    string Name, IReadOnlyList<double> DocumentsPerSecond, IReadOnlyList<double> MegabytesPerSecond, double ServerMicrosecondsPerDocument, IReadOnlyList<Sample> Samples)
{
    /// <summary>The samples are those of all rounds, one after another.</summary>
    public static TargetResult Of(Target target, IReadOnlyList<Run> runs)
    {
        var samples = new List<Sample>();
        double offset = 0;
        foreach (var run in runs)
        {
            samples.AddRange(run.Samples.Select(s => s with { AtSeconds = s.AtSeconds + offset }));
            offset += run.Seconds;
        }

        return new TargetResult(target.Name, [.. runs.Select(r => r.DocumentsPerSecond)], [.. runs.Select(r => r.MegabytesPerSecond)], Metrics.ServerMicroseconds(runs), samples);
    }
}

/// <summary>A threshold and what was measured.</summary>
internal sealed record ThresholdResult(string Threshold, double? Value, bool Holds)
{
    public static ThresholdResult Of(Threshold threshold, double value) => new(threshold.ToString(), double.IsNaN(value) ? null : value, threshold.Holds(value));
}

/// <summary>So many latencies up to a bound and above the one before.</summary>
internal sealed record HistogramBucket(double UpToMs, long Count);
