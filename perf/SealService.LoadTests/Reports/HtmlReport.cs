using System.Net;
using System.Text;
using SealService.LoadTests.Running;

namespace SealService.LoadTests.Reports;

/// <summary>One HTML file that needs nothing else: the tables, and for each scenario charts over time as SVG.</summary>
internal static class HtmlReport
{
    private const string Style = """
        body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2330; background: #fff }
        h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-top: 1px solid #d8dde6; padding-top: 1.25rem }
        table { border-collapse: collapse; margin: .75rem 0 } td, th { padding: .25rem .6rem; border-bottom: 1px solid #e4e8ef; text-align: right }
        td:first-child, th:first-child { text-align: left } .broken { color: #b3261e; font-weight: 600 } .kept { color: #1b7f4b }
        .charts { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0 } figcaption { font-size: 12px; color: #5b6576 } p.note { color: #8a5a00 }
        """;

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
        html.Append("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>SealService load report</title><style>").Append(Style).Append("</style>\n");
        html.Append(FormattableString.Invariant($"<h1>SealService load report, {report.StartedAt:yyyy-MM-dd HH:mm} UTC</h1>\n<p>{Escape(report.Machine.ToString())}</p>\n"));
        html.Append("<table><tr><th>configuration</th><th>value</th></tr>");
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
        html.Append("<table><tr><th>scenario</th><th>documents/s</th><th>MB/s</th><th>of null</th><th>of hash-only</th><th>p50 ms</th><th>p99 ms</th><th>p99.9 ms</th><th>errors</th><th>HSM signatures</th><th>RSS MiB</th><th>thresholds</th></tr>\n");
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

        html.Append("</table>\n");
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

        html.Append("</table>\n<div class=\"charts\">\n");
        foreach (var (title, value) in Charts)
        {
            if (result.Targets.Any(t => t.Samples.Any(s => value(s) > 0)))
            {
                html.Append(SvgChart.Format(title, [.. result.Targets.Select(t => new SvgChart.Series(t.Name, [.. t.Samples.Select(s => (s.AtSeconds, value(s)))]))]));
            }
        }

        html.Append("</div>\n<details><summary>All metrics</summary><table>");
        foreach (var (metric, value) in result.Metrics)
        {
            html.Append(FormattableString.Invariant($"<tr><td>{metric}</td><td>{value:#,0.####}</td></tr>"));
        }

        html.Append("</table></details>\n");
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
