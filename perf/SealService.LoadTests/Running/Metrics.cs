using System.Reflection;
using SealService.LoadTests.Measuring;
using SealService.LoadTests.Scenarios;

namespace SealService.LoadTests.Running;

/// <summary>The metrics of a scenario's subject, by the names that thresholds and reports use.</summary>
internal static class Metrics
{
    public const string DocumentsPerSecond = "docs_per_s";
    public const string MegabytesPerSecond = "mb_per_s";
    public const string P50Ms = "p50_ms";
    public const string P90Ms = "p90_ms";
    public const string P99Ms = "p99_ms";
    public const string P999Ms = "p999_ms";
    public const string Errors = "errors";
    public const string Signatures = "hsm_signatures";
    public const string RssMib = "rss_mib";

    /// <summary>The highest resident set of the runs, less that of the server before the first.</summary>
    public const string RssAboveIdleMib = "rss_above_idle_mib";

    /// <summary>The mean of the last quarter of a run, less that of the second.</summary>
    public const string RssGrowthMib = "rss_growth_mib";
    public const string DocumentsPerSignature = "docs_per_signature";
    public const string AllocatedBytesPerDocument = "allocated_bytes_per_doc";

    /// <summary>The median latency, less the mean signature and the mean durable write.</summary>
    public const string P50AboveSealingMs = "p50_above_sealing_ms";
    public const string SignMs = "sign_ms";
    public const string CommitMs = "commit_ms";

    /// <summary>Durable writes that took more than 25 ms each, and all.</summary>
    public const string SlowCommits = "commits_above_25_ms";
    public const string Batches = "batches";

    /// <summary>The server's processor time for each document. It depends less on what else runs than a rate does.</summary>
    public const string ServerMicrosecondsPerDocument = "server_us_per_doc";
    public const string ServerCores = "server_cores";
    public const string GeneratorCores = "generator_cores";
    public const string ReceiptsVerified = "receipts_verified";

    /// <summary>How late the generator itself was in sending.</summary>
    public const string GeneratorLagP99Ms = "generator_lag_p99_ms";

    /// <summary>The machine right before and after the scenario, with no service running: the worse of both.</summary>
    public const string MachineDiskMaxMs = "machine_disk_max_ms";
    public const string MachineMemoryNs = "machine_memory_ns";

    private const string RatioPrefix = "ratio_to_";

    public static string RatioTo(Target target) => RatioPrefix + target.Name.Replace('-', '_');

    /// <summary>Whether a scenario can have a metric of this name.</summary>
    public static bool IsMetric(string name) =>
        name.StartsWith(RatioPrefix, StringComparison.Ordinal)
        || typeof(Metrics).GetFields(BindingFlags.Public | BindingFlags.Static).Any(f => f.IsLiteral && name.Equals(f.GetRawConstantValue()));

    /// <summary>The metrics of the runs against one target.</summary>
    public static SortedDictionary<string, double> Of(IReadOnlyList<Run> runs, double idleRssMib, double receiptsVerified)
    {
        var latencies = new LatencyHistogram();
        var lags = new LatencyHistogram();
        foreach (var run in runs)
        {
            latencies.Add(run.Work.Latencies);
            lags.Add(run.Work.SendingLags);
        }

        var signatures = runs.Sum(r => r.After.Signatures - r.Before.Signatures);
        var batches = Math.Max(1, runs.Sum(r => r.After.Batches - r.Before.Batches));
        var documents = Math.Max(1, runs.Sum(r => r.Work.Documents));
        var signMs = 1000 * runs.Sum(r => r.After.SignSeconds - r.Before.SignSeconds) / batches;
        var commitMs = 1000 * runs.Sum(r => r.After.CommitSeconds - r.Before.CommitSeconds) / batches;
        var rssMax = runs.Max(r => r.Samples.Max(s => s.RssMib));
        return new SortedDictionary<string, double>(StringComparer.Ordinal)
        {
            [DocumentsPerSecond] = Median(runs.Select(r => r.DocumentsPerSecond)),
            [MegabytesPerSecond] = Median(runs.Select(r => r.MegabytesPerSecond)),
            [P50Ms] = latencies.PercentileMs(0.5),
            [P90Ms] = latencies.PercentileMs(0.9),
            [P99Ms] = latencies.PercentileMs(0.99),
            [P999Ms] = latencies.PercentileMs(0.999),
            [Errors] = runs.Sum(r => r.Errors),
            [Signatures] = signatures,
            [RssMib] = rssMax,
            [RssAboveIdleMib] = rssMax - idleRssMib,
            [RssGrowthMib] = runs.Max(GrowthMib),
            [DocumentsPerSignature] = documents / Math.Max(1, signatures),
            [AllocatedBytesPerDocument] = runs.Sum(r => r.After.AllocatedBytes - r.Before.AllocatedBytes) / documents,
            [SignMs] = signMs,
            [CommitMs] = commitMs,
            [SlowCommits] = runs.Sum(r => r.After.SlowCommits - r.Before.SlowCommits),
            [Batches] = batches,
            [P50AboveSealingMs] = latencies.PercentileMs(0.5) - signMs - commitMs,
            [ServerMicrosecondsPerDocument] = ServerMicroseconds(runs),
            [ServerCores] = Median(runs.Select(r => (r.After.CpuSeconds - r.Before.CpuSeconds) / r.Seconds)),
            [GeneratorCores] = Median(runs.Select(r => r.GeneratorCpuSeconds / r.Seconds)),
            [GeneratorLagP99Ms] = lags.PercentileMs(0.99),
            [ReceiptsVerified] = receiptsVerified,
        };
    }

    /// <summary>The server's processor time for each document, in microseconds.</summary>
    public static double ServerMicroseconds(IReadOnlyList<Run> runs) =>
        runs.Sum(r => r.After.CpuSeconds - r.Before.CpuSeconds) / Math.Max(1, runs.Sum(r => r.Work.Documents)) * 1_000_000;

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static double GrowthMib(Run run)
    {
        var samples = run.Samples;
        if (samples.Count < 4)
        {
            return 0;
        }

        var quarter = samples.Count / 4;
        return samples.Skip(samples.Count - quarter).Average(s => s.RssMib) - samples.Skip(quarter).Take(quarter).Average(s => s.RssMib);
    }
}
