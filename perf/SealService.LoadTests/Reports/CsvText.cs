using System.Text;

namespace SealService.LoadTests.Reports;

/// <summary>The report as comma-separated values (RFC 4180; no field needs quotes).</summary>
internal static class CsvText
{
    /// <summary>One line for each metric of each scenario.</summary>
    public static string Metrics(Report report)
    {
        var text = new StringBuilder("scenario,metric,value\n");
        foreach (var result in report.Results)
        {
            foreach (var (metric, value) in result.Metrics)
            {
                text.Append(FormattableString.Invariant($"{result.Name},{metric},{value:R}\n"));
            }
        }

        return text.ToString();
    }

    /// <summary>One line for each second of each target.</summary>
    public static string Samples(Report report)
    {
        var text = new StringBuilder("scenario,target,at_s,docs_per_s,mb_per_s,p50_ms,p99_ms,rss_mib,hsm_signatures_per_s,entries_per_batch\n");
        foreach (var result in report.Results)
        {
            foreach (var target in result.Targets)
            {
                foreach (var s in target.Samples)
                {
                    text.Append(FormattableString.Invariant(
                        $"{result.Name},{target.Name},{s.AtSeconds:0.000},{s.DocumentsPerSecond:0.0},{s.MegabytesPerSecond:0.00},{s.P50Ms:0.000},{s.P99Ms:0.000},{s.RssMib:0.0},{s.SignaturesPerSecond:0.0},{s.EntriesPerBatch:0.0}\n"));
                }
            }
        }

        return text.ToString();
    }
}
