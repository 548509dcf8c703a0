using System.Text;
using SealService.LoadTests.Running;

namespace SealService.LoadTests.Reports;

/// <summary>
/// Puts results into Markdown files, between <c>&lt;!-- perf:NAME --&gt;</c> and <c>&lt;!-- /perf:NAME --&gt;</c>, so that no published number is typed by hand.
/// </summary>
internal static class PublishedTables
{
    private static readonly Dictionary<string, Func<Report, string>> Sections = new(StringComparer.Ordinal)
    {
        ["machine"] = static report => FormattableString.Invariant($"Measured {report.StartedAt:yyyy-MM-dd} on {report.Machine}.\n")
            + (report.Machine.WasBusy ? "**The machine was busy with other work: rates and latencies are worse than it can do, and ratios are rough.**\n" : ""),
        ["results"] = Results,
        ["thresholds"] = Thresholds,
        ["headline"] = Headline,
    };

    /// <summary>Replaces the sections that the file has; the number of them.</summary>
    public static async Task<int> RewriteAsync(string file, Report report, CancellationToken cancellationToken)
    {
        var text = await File.ReadAllTextAsync(file, cancellationToken);
        var replaced = 0;
        foreach (var (name, format) in Sections)
        {
            replaced += TryReplace(ref text, name, format(report)) ? 1 : 0;
        }

        await File.WriteAllTextAsync(file, text, cancellationToken);
        return replaced;
    }

    /// <summary>Replaces one section.</summary>
    /// <exception cref="InvalidOperationException">The file does not have it.</exception>
    public static async Task RewriteAsync(string file, string name, string content, CancellationToken cancellationToken)
    {
        var text = await File.ReadAllTextAsync(file, cancellationToken);
        if (!TryReplace(ref text, name, content))
        {
            throw new InvalidOperationException($"{file} has no section perf:{name}.");
        }

        await File.WriteAllTextAsync(file, text, cancellationToken);
    }

    private static bool TryReplace(ref string text, string name, string content)
    {
        var opening = $"<!-- perf:{name} -->\n";
        var begin = text.IndexOf(opening, StringComparison.Ordinal);
        var end = text.IndexOf($"<!-- /perf:{name} -->", StringComparison.Ordinal);
        if (begin < 0 || end <= begin)
        {
            return false;
        }

        text = string.Concat(text.AsSpan(0, begin + opening.Length), content, text.AsSpan(end));
        return true;
    }

    private static string Results(Report report)
    {
        var text = new StringBuilder("| scenario | documents/s | MB/s | of null | of hash-only | p50 ms | p99 ms | p99.9 ms | HSM signatures | RSS MiB | server µs/document | disk ms | memory ns |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        foreach (var r in report.Results)
        {
            text.Append(FormattableString.Invariant(
                $"| {r.Name} | {Of(r, Metrics.DocumentsPerSecond, "N0")} | {Of(r, Metrics.MegabytesPerSecond, "N0")} | {Of(r, "ratio_to_null", "0.00")} | {Of(r, "ratio_to_hash_only", "0.00")} | {Of(r, Metrics.P50Ms, "0.00")} | {Of(r, Metrics.P99Ms, "0.00")} | {Of(r, Metrics.P999Ms, "0.00")} | {Of(r, Metrics.Signatures, "N0")} | {Of(r, Metrics.RssMib, "N0")} | {Of(r, Metrics.ServerMicrosecondsPerDocument, "0.00")} | {Of(r, Metrics.MachineDiskMaxMs, "0.0")} | {Of(r, Metrics.MachineMemoryNs, "0")} |\n"));
        }

        return text.ToString();
    }

    private static string Thresholds(Report report)
    {
        var text = new StringBuilder("| scenario | threshold | measured | kept |\n|---|---|--:|---|\n");
        foreach (var r in report.Results)
        {
            foreach (var t in r.Thresholds)
            {
                text.Append(FormattableString.Invariant($"| {r.Name} | `{t.Threshold}` | {t.Value:#,0.##} | {(t.Holds ? "yes" : "**no**")} |\n"));
            }
        }

        return text.ToString();
    }

    private static string Headline(Report report) => report.Results.FirstOrDefault(r => r.Name == "bulk-1k") is not { } bulk
        ? "No bulk run was measured.\n"
        : FormattableString.Invariant(
            $"**{bulk.Metrics[Metrics.DocumentsPerSecond]:N0} documents of 1 KiB a second**, durable and signed, {Of(bulk, "ratio_to_null", "0.00")} of what bare gRPC framing moves ({report.Machine.Cores} cores of {report.Machine.Processor} shared by client and server; [how](docs/performance.md)).\n");

    private static string Of(ScenarioResult result, string metric, string format) =>
        result.Metrics.TryGetValue(metric, out var value) && double.IsFinite(value) ? value.ToString(format, System.Globalization.CultureInfo.InvariantCulture) : "";
}
