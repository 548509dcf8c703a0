using System.Net;
using System.Text;
using SealService.LoadTests.Running;
using SealService.LoadTests.Scenarios;

namespace SealService.LoadTests.Reports;

/// <summary>One HTML file that needs nothing else: the tables, and for each scenario charts as SVG, over time and of the latencies' percentiles.</summary>
internal static class HtmlReport
{
    private const string Style = """
        body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 74rem; padding: 0 1rem; color: #1c2330; background: #fff }
        h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-top: 1px solid #d8dde6; padding-top: 1.25rem }
        table { border-collapse: collapse; margin: .75rem 0 } td, th { padding: .25rem .6rem; border-bottom: 1px solid #e4e8ef; text-align: right }
        td:first-child, th:first-child, .text td { text-align: left } .text td:last-child { overflow-wrap: anywhere }
        .wide { overflow-x: auto } .wide td { white-space: nowrap } .broken { color: #b3261e; font-weight: 600 } .kept { color: #1b7f4b }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: 1.25rem 1rem }
        figure { margin: 0 } svg { display: block; width: 100%; height: auto } figcaption { font-size: 12px } figcaption span { margin-left: .5rem; white-space: nowrap }
        p.note { color: #8a5a00 }
        """;

    // One colour for each target throughout the report; special servers, of which a scenario has one at most, share the last.
    private static readonly Target[] ColourOrder = [Target.Null, Target.HashOnly, Target.Service];

    private static readonly (string Title, Func<Sample, double> Value)[] Charts =
    [
        ("Documents a second", static s => s.DocumentsPerSecond),
        ("Megabytes a second", static s => s.MegabytesPerSecond),
        ("Latency p50, ms", static s => s.P50Ms),
        ("Latency p99, ms", static s => s.P99Ms),
        ("Resident memory, MiB", static s => s.RssMib),
        ("HSM signatures a second", static s => s.SignaturesPerSecond),
        ("Entries a batch", static s => s.EntriesPerBatch),
    ];

    public static string Format(Report report)
    {
        var html = new StringBuilder();
        html.Append("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>SealService load report</title><style>").Append(Style).Append("</style>\n");
        html.Append(FormattableString.Invariant($"<h1>SealService load report, {report.StartedAt:yyyy-MM-dd HH:mm} UTC</h1>\n<p>{Escape(report.Machine.ToString())}</p>\n"));
        if (report.Machine.WasBusy)
        {
            html.Append("<p class=\"note\">The machine was busy with other work: rates and latencies are worse than it can do, and ratios are rough.</p>\n");
        }

        html.Append("<table class=\"text\">");
        foreach (var (name, value) in report.Configuration)
        {
            html.Append($"<tr><td>{Escape(name)}</td><td>{Escape(value)}</td></tr>");
        }

        html.Append("</table>\n");
        AppendSummary(html, report);
        foreach (var result in report.Results)
        {
            AppendScenario(html, result);
        }

        return html.Append("</html>\n").ToString();
    }

    private static void AppendSummary(StringBuilder html, Report report)
    {
        html.Append("<div class=\"wide\"><table><tr><th>scenario</th><th>documents/s</th><th>MB/s</th><th>of null</th><th>of hash-only</th><th>p50 ms</th><th>p99 ms</th><th>p99.9 ms</th><th>errors</th><th>HSM signatures</th><th>RSS MiB</th><th>thresholds</th></tr>\n");
        foreach (var r in report.Results)
        {
            html.Append($"<tr><td><a href=\"#{r.Name}\">{r.Name}</a></td>");
            foreach (var (metric, format) in new[]
            {
                (Metrics.DocumentsPerSecond, "N0"), (Metrics.MegabytesPerSecond, "N0"), ("ratio_to_null", "0.00"), ("ratio_to_hash_only", "0.00"), (Metrics.P50Ms, "0.00"),
                (Metrics.P99Ms, "0.00"), (Metrics.P999Ms, "0.00"), (Metrics.Errors, "N0"), (Metrics.Signatures, "N0"), (Metrics.RssMib, "N0"),
            })
            {
                var value = r.Metrics.TryGetValue(metric, out var found) ? found.ToString(format, System.Globalization.CultureInfo.InvariantCulture) : "";
                html.Append($"<td>{value}</td>");
            }

            html.Append(r.Passed ? "<td class=\"kept\">kept</td></tr>\n" : "<td class=\"broken\">broken</td></tr>\n");
        }

        html.Append("</table></div>\n");
    }

    private static void AppendScenario(StringBuilder html, ScenarioResult result)
    {
        html.Append($"<h2 id=\"{result.Name}\">{result.Name}</h2><p>{Escape(result.Summary)}</p>\n");
        foreach (var note in result.Notes)
        {
            html.Append($"<p class=\"note\">{Escape(note)}</p>\n");
        }

        if (result.Thresholds.Count > 0)
        {
            html.Append("<table><tr><th>threshold</th><th>measured</th><th></th></tr>");
            foreach (var t in result.Thresholds)
            {
                html.Append(FormattableString.Invariant(
                    $"<tr><td>{Escape(t.Threshold)}</td><td>{t.Value:#,0.###}</td><td class=\"{(t.Holds ? "kept\">kept" : "broken\">broken")}</td></tr>"));
            }

            html.Append("</table>\n");
        }

        html.Append("<table><tr><th>target</th><th>documents/s, each round</th><th>server µs a document</th></tr>");
        foreach (var target in result.Targets)
        {
            html.Append(FormattableString.Invariant(
                $"<tr><td>{target.Name}</td><td>{string.Join(" · ", target.DocumentsPerSecond.Select(d => FormattableString.Invariant($"{d:N0}")))}</td><td>{target.ServerMicrosecondsPerDocument:0.00}</td></tr>"));
        }

        html.Append("</table>\n");
        AppendCharts(html, result);
        html.Append("<details><summary>All metrics</summary><table>");
        foreach (var (metric, value) in result.Metrics)
        {
            html.Append(FormattableString.Invariant($"<tr><td>{metric}</td><td>{value:#,0.####}</td></tr>"));
        }

        html.Append("</table></details>\n");
    }

    private static void AppendCharts(StringBuilder html, ScenarioResult result)
    {
        var rounds = result.Targets.Max(t => t.DocumentsPerSecond.Count);
        html.Append(FormattableString.Invariant(
            $"<p>Over time: one point a second{(rounds > 1 ? $"; the {rounds} rounds of each target stand one after another, without the other targets' rounds between them" : "")}.</p>\n<div class=\"charts\">\n"));
        foreach (var (title, value) in Charts)
        {
            // The baselines have no HSM and no batches: a line of zeros would say nothing.
            var shown = result.Targets.Where(t => t.Samples.Any(s => value(s) > 0)).ToList();
            if (shown.Count > 0)
            {
                var axis = SvgChart.Axis.Seconds(shown.Max(t => t.Samples.Max(s => s.AtSeconds)));
                html.Append(SvgChart.Format(title, axis, [.. shown.Select(t => new SvgChart.Series(t.Name, ColourOf(t), [.. t.Samples.Select(s => (s.AtSeconds, value(s)))]))]));
            }
        }

        if (result.Latencies.Count > 0)
        {
            html.Append(PercentileChart(result));
        }

        html.Append("</div>\n");
    }

    private static string PercentileChart(ScenarioResult result)
    {
        var total = result.Latencies.Sum(b => b.Count);
        var subject = result.Targets[^1];
        var points = new List<(double X, double Y)>();
        long seen = 0;
        foreach (var bucket in result.Latencies)
        {
            seen += bucket.Count;
            // Where the percentile is 100 % the axis would be endless; the slowest document stands where it alone is left.
            points.Add((Math.Log10((double)total / Math.Max(1, total - seen)), bucket.UpToMs));
        }

        return SvgChart.Format("Latency by percentile, ms", SvgChart.Axis.Percentiles(Math.Max(1, Math.Log10(total))), [new SvgChart.Series(subject.Name, ColourOf(subject), points)]);
    }

    private static int ColourOf(TargetResult target) =>
        Array.FindIndex(ColourOrder, t => t.Name == target.Name) is >= 0 and var index ? index : ColourOrder.Length;

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
