using System.Globalization;

namespace SealService.LoadTests.Scenarios;

/// <summary>A bound of one metric (<c>Metrics</c>).</summary>
public sealed record Threshold(string Metric, double? Min, double? Max)
{
    public static Threshold AtLeast(string metric, double value) => new(metric, value, null);

    public static Threshold AtMost(string metric, double value) => new(metric, null, value);

    /// <summary>Reads what <see cref="ToString"/> writes, with or without spaces; null when it is not a threshold.</summary>
    public static Threshold? Parse(string text)
    {
        var at = text.IndexOfAny(['<', '>']);
        return at > 0 && !text.AsSpan(0, at).IsWhiteSpace() && text.AsSpan(at + 1) is ['=', .. var number] && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? text[at] == '<' ? AtMost(text[..at].Trim(), value) : AtLeast(text[..at].Trim(), value)
            : null;
    }

    /// <summary>Whether a value keeps within it. A metric that was not measured does not.</summary>
    public bool Holds(double value) => !double.IsNaN(value) && (Min is not { } min || value >= min) && (Max is not { } max || value <= max);

    /// <summary>A list with further thresholds, each in place of those that bound the same metric from the same side.</summary>
    public static IReadOnlyList<Threshold> Override(IReadOnlyList<Threshold> thresholds, IReadOnlyList<Threshold> by) =>
        [.. thresholds.Where(own => !by.Any(other => other.Metric == own.Metric && other.Min is null == own.Min is null)), .. by];

    public override string ToString() => FormattableString.Invariant($"{Metric} {(Min is null ? "<=" : ">=")} {Min ?? Max:0.##########}");
}
