using System.Text;
using SealService.LoadTests.Running;

namespace SealService.LoadTests.Reports;

/// <summary>Two reports side by side: the metrics that tell whether the second is better.</summary>
internal static class Comparison
{
    private static readonly string[] Compared =
    [
        Metrics.DocumentsPerSecond, Metrics.MegabytesPerSecond, "ratio_to_null", "ratio_to_hash_only", "ratio_to_seal", Metrics.P50Ms, Metrics.P99Ms, Metrics.P999Ms,
        Metrics.RssMib, Metrics.AllocatedBytesPerDocument, Metrics.DocumentsPerSignature, Metrics.Errors,
    ];

    public static string Format(Report a, Report b)
    {
        var text = new StringBuilder();
        text.Append(FormattableString.Invariant($"A: {a.StartedAt:u} on {a.Machine}\nB: {b.StartedAt:u} on {b.Machine}\n"));
        if (a.Machine with { LoadAverage = "" } != b.Machine with { LoadAverage = "" })
        {
            text.Append("The machines differ: only the ratios can be compared.\n");
        }

        text.Append(FormattableString.Invariant($"\n{"scenario",-18}{"metric",-26}{"A",14}{"B",14}{"B/A",9}\n"));
        foreach (var resultA in a.Results)
        {
            if (b.Results.FirstOrDefault(r => r.Name == resultA.Name) is not { } resultB)
            {
                text.Append($"{resultA.Name,-18}(not in B)\n");
                continue;
            }

            foreach (var metric in Compared)
            {
                if (resultA.Metrics.TryGetValue(metric, out var valueA) && resultB.Metrics.TryGetValue(metric, out var valueB))
                {
                    var ratio = valueA == 0 ? "" : FormattableString.Invariant($"{valueB / valueA:0.00}");
                    text.Append(FormattableString.Invariant($"{resultA.Name,-18}{metric,-26}{valueA,14:N2}{valueB,14:N2}{ratio,9}\n"));
                }
            }
        }

        foreach (var resultB in b.Results.Where(r => a.Results.All(other => other.Name != r.Name)))
        {
            text.Append($"{resultB.Name,-18}(not in A)\n");
        }

        return text.ToString();
    }
}
