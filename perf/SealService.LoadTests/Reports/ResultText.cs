using System.Text;
using System.Text.Json;
using SealService.LoadTests.Running;

namespace SealService.LoadTests.Reports;

/// <summary>Results for a terminal: the line of one scenario, and the table of all.</summary>
internal static class ResultText
{
    /// <summary>One JSON object on one line, for programs that read standard output.</summary>
    public static string JsonLine(ScenarioResult result)
    {
        double? Metric(string name) => result.Metrics.TryGetValue(name, out var value) && double.IsFinite(value) ? Math.Round(value, 4) : null;
        return JsonSerializer.Serialize(new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["scenario"] = result.Name,
            ["docs_per_s"] = Metric(Metrics.DocumentsPerSecond),
            ["mb_per_s"] = Metric(Metrics.MegabytesPerSecond),
            ["ratio_to_null"] = Metric("ratio_to_null"),
            ["ratio_to_hash_only"] = Metric("ratio_to_hash_only"),
            ["ratio_to_seal"] = Metric("ratio_to_seal"),
            ["p50_ms"] = Metric(Metrics.P50Ms),
            ["p99_ms"] = Metric(Metrics.P99Ms),
            ["p999_ms"] = Metric(Metrics.P999Ms),
            ["errors"] = Metric(Metrics.Errors),
            ["hsm_signatures"] = Metric(Metrics.Signatures),
            ["rss_mib"] = Metric(Metrics.RssMib),
            ["passed"] = result.Passed,
        });
    }

    /// <summary>A table with one line for each scenario, then thresholds that were broken, then notes.</summary>
    public static string Table(IReadOnlyList<ScenarioResult> results)
    {
        var text = new StringBuilder();
        text.Append(FormattableString.Invariant(
            $"{"scenario",-18}{"docs/s",12}{"MB/s",9}{"of null",9}{"of hash",9}{"p50 ms",9}{"p99 ms",9}{"p99.9 ms",10}{"errors",8}{"signed",9}{"RSS MiB",9}  thresholds\n"));
        foreach (var r in results)
        {
            double Metric(string name) => r.Metrics.GetValueOrDefault(name, double.NaN);
            string Ratio(string name) => double.IsFinite(Metric(name)) ? Metric(name).ToString("0.00", System.Globalization.CultureInfo.InvariantCulture) : "";
            var verdict = r.Thresholds.Count == 0 ? "" : r.Passed ? "kept" : "BROKEN";
            text.Append(FormattableString.Invariant(
                $"{r.Name,-18}{Metric(Metrics.DocumentsPerSecond),12:N0}{Metric(Metrics.MegabytesPerSecond),9:N0}{Ratio("ratio_to_null"),9}{Ratio("ratio_to_hash_only"),9}{Metric(Metrics.P50Ms),9:0.00}{Metric(Metrics.P99Ms),9:0.00}{Metric(Metrics.P999Ms),10:0.00}{Metric(Metrics.Errors),8:N0}{Metric(Metrics.Signatures),9:N0}{Metric(Metrics.RssMib),9:N0}  {verdict}\n"));
        }

        foreach (var r in results)
        {
            foreach (var t in r.Thresholds.Where(t => !t.Holds))
            {
                text.Append(FormattableString.Invariant($"broken: {r.Name}: {t.Threshold}, but it {(t.Value is { } value ? FormattableString.Invariant($"is {value:0.####}") : "was not measured")}\n"));
            }

            foreach (var note in r.Notes)
            {
                text.Append($"note: {r.Name}: {note}\n");
            }
        }

        return text.ToString();
    }
}
