using System.Globalization;
using System.Text;

namespace SealService.Observability;

/// <summary>Writes metrics in the Prometheus text exposition format 0.0.4: base units, <c>_total</c> on counters, cumulative buckets.</summary>
internal static class PrometheusText
{
    /// <summary>The media type of the format.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>The text of all <paramref name="instruments"/>.</summary>
    public static string Format(IEnumerable<MetricsRegistry.InstrumentSeries> instruments)
    {
        var text = new StringBuilder(16 * 1024);
        foreach (var instrument in instruments)
        {
            var name = FormatName(instrument);
            var type = instrument.IsHistogram ? "histogram" : instrument.IsMonotonic ? "counter" : "gauge";
            text.Append("# HELP ").Append(name).Append(' ').Append((instrument.Instrument.Description ?? "").Replace("\n", " ", StringComparison.Ordinal)).Append('\n');
            text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
            foreach (var series in instrument.Values)
            {
                lock (series)
                {
                    if (series.Buckets is { } buckets)
                    {
                        AppendHistogram(text, name, instrument.Bounds, buckets, series);
                    }
                    else
                    {
                        AppendSample(text, name, "", series.Labels, series.Value);
                    }
                }
            }
        }

        return text.ToString();
    }

    /// <summary>Labels as they stand between braces; empty for none.</summary>
    public static string FormatLabels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        var text = new StringBuilder(64);
        foreach (var (key, value) in tags)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(Sanitize(key)).Append("=\"");
            text.Append((Convert.ToString(value, CultureInfo.InvariantCulture) ?? "").Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal));
            text.Append('"');
        }

        return text.ToString();
    }

    // seal.ledger.commit.duration in "s" becomes seal_ledger_commit_duration_seconds; a counter gets _total.
    private static string FormatName(MetricsRegistry.InstrumentSeries instrument)
    {
        var name = Sanitize(instrument.Instrument.Name);
        name = name.StartsWith("seal_", StringComparison.Ordinal) ? name : "seal_" + name;
        var unit = instrument.Instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        name = name.Contains(unit, StringComparison.Ordinal) ? name : name + unit; // bytes.received is received bytes already
        return instrument.IsMonotonic && !instrument.IsHistogram ? name + "_total" : name;
    }

    private static void AppendHistogram(StringBuilder text, string name, double[] bounds, long[] buckets, MetricsRegistry.Series series)
    {
        long cumulative = 0;
        for (var i = 0; i <= bounds.Length; i++)
        {
            cumulative += buckets[i];
            var bound = i == bounds.Length ? "+Inf" : bounds[i].ToString(CultureInfo.InvariantCulture);
            var labels = series.Labels.Length == 0 ? $"le=\"{bound}\"" : $"{series.Labels},le=\"{bound}\"";
            AppendSample(text, name, "_bucket", labels, cumulative);
        }

        AppendSample(text, name, "_sum", series.Labels, series.Value);
        AppendSample(text, name, "_count", series.Labels, series.Count);
    }

    private static void AppendSample(StringBuilder text, string name, string suffix, string labels, double value)
    {
        text.Append(name).Append(suffix);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Sanitize(string name) => string.Create(name.Length, name, static (span, source) =>
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = char.IsAsciiLetterOrDigit(source[i]) ? char.ToLowerInvariant(source[i]) : '_';
        }
    });
}
