using System.Text;
using SealService.LoadTests.Running;

namespace SealService.LoadTests.Reports;

/// <summary>Latencies in the percentile format of HdrHistogram (.hgrm), which its plotters read.</summary>
internal static class HistogramText
{
    public static string Format(IReadOnlyList<HistogramBucket> buckets)
    {
        var text = new StringBuilder("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
        var total = buckets.Sum(b => b.Count);
        long seen = 0;
        foreach (var bucket in buckets)
        {
            seen += bucket.Count;
            var share = (double)seen / total;
            var rest = seen == total ? "inf" : FormattableString.Invariant($"{1 / (1 - share):0.00}");
            text.Append(FormattableString.Invariant($"{bucket.UpToMs,12:0.000} {share,14:0.000000000000} {seen,10} {rest,14}\n"));
        }

        var max = buckets.Count > 0 ? buckets[^1].UpToMs : 0;
        return text.Append(FormattableString.Invariant($"#[Max     = {max,12:0.000}, Total count    = {total,12}]\n")).ToString();
    }
}
