using System.Globalization;
using System.Text;
using System.Text.Json;
using SealService.LoadTests.Reports;

namespace SealService.EchoLoad;

/// <summary>What all rounds gave. A rate is the median of the rounds; a ratio is the median of the rounds' ratios.</summary>
internal sealed class EchoReport(IReadOnlyList<EchoTarget> targets, IReadOnlyDictionary<EchoTarget, List<EchoSample>> samples)
{
    public bool Passed => Thresholds.All(t => Ratio(t) >= t.RatioMin);

    // Where both sides were measured.
    private IEnumerable<EchoThreshold> Thresholds => EchoThreshold.All.Where(t => samples.ContainsKey(t.Target) && samples.ContainsKey(t.Reference));

    /// <summary>One JSON object for each comparison.</summary>
    public IEnumerable<string> JsonLines() => Thresholds.Select(t => JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal)
    {
        ["scenario"] = t.Target.Name,
        ["reference"] = t.Reference.Name,
        ["ratio"] = Math.Round(Ratio(t), 4),
        ["ratio_min"] = t.RatioMin,
        ["per_s"] = Math.Round(Rate(t.Target)),
        ["reference_per_s"] = Math.Round(Rate(t.Reference)),
        ["server_us"] = Math.Round(ServerMicroseconds(t.Target), 3),
        ["reference_server_us"] = Math.Round(ServerMicroseconds(t.Reference), 3),
        ["passed"] = Ratio(t) >= t.RatioMin,
    }));

    /// <summary>Both tables, for the section of a Markdown file.</summary>
    public string Markdown(Machine machine, DateTimeOffset at, EchoShape shape)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Measured {at:yyyy-MM-dd} on {machine}. Messages of {shape.MessageBytes} bytes; ");
        text.Append(CultureInfo.InvariantCulture, $"unary: {EchoTarget.Unary.Connections} connections with {shape.CallsPerConnection} calls at a time on each; ");
        text.Append(CultureInfo.InvariantCulture, $"streams: each on its own connection, with {shape.MessagesInFlight} messages in flight.\n");
        if (machine.WasBusy)
        {
            text.Append("**The machine was busy with other work: ratios are rough.**\n");
        }

        text.Append("\n| echo | messages/s | server µs/message |\n|---|--:|--:|\n");
        foreach (var target in targets)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {target.Name} | {Rate(target):N0} | {ServerMicroseconds(target):0.00} |\n");
        }

        text.Append("\n| of | at least | measured | kept |\n|---|--:|--:|---|\n");
        foreach (var t in Thresholds)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {t.Target.Name} : {t.Reference.Name} | {t.RatioMin:0.00} | {Ratio(t):0.00} | {(Ratio(t) >= t.RatioMin ? "yes" : "**no**")} |\n");
        }

        return text.ToString();
    }

    private double Rate(EchoTarget target) => Median(samples[target].Select(s => s.MessagesPerSecond));

    private double ServerMicroseconds(EchoTarget target) => Median(samples[target].Select(s => s.ServerMicroseconds));

    private double Ratio(EchoThreshold t) =>
        Median(samples[t.Target].Zip(samples[t.Reference], (target, reference) => target.MessagesPerSecond / reference.MessagesPerSecond));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
