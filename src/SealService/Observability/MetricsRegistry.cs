using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace SealService.Observability;

/// <summary>
/// Gathers every instrument of the meters whose name starts with <c>SealService</c> or <c>System.Runtime</c>, for <see cref="PrometheusText"/>.
/// Stands in for an exporter package that does not restore; the instruments themselves are the single source.
/// </summary>
internal sealed class MetricsRegistry : IDisposable
{
    /// <summary>Most label combinations kept of one instrument; further ones are counted together under <c>overflow</c>.</summary>
    internal const int SeriesPerInstrumentMax = 256;

    private static readonly KeyValuePair<string, object?>[] OverflowTags = [new("overflow", "true")];

    // Guarded by the concurrent dictionaries themselves; a series is mutated by Interlocked or under its own lock.
    private readonly ConcurrentDictionary<Instrument, InstrumentSeries> _instruments = new();
    private readonly MeterListener _listener = new();

    public MetricsRegistry()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("SealService", StringComparison.Ordinal) || instrument.Meter.Name == "System.Runtime")
            {
                listener.EnableMeasurementEvents(instrument, _instruments.GetOrAdd(instrument, static i => new InstrumentSeries(i)));
            }
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((InstrumentSeries)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((InstrumentSeries)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((InstrumentSeries)state!).Record(value, tags));
        _listener.Start();
    }

    /// <summary>The instruments with their present values; observable ones are asked now.</summary>
    public IEnumerable<InstrumentSeries> Collect()
    {
        _listener.RecordObservableInstruments();
        return _instruments.Values.OrderBy(i => i.Instrument.Name, StringComparer.Ordinal);
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>One instrument and its values by label set.</summary>
    internal sealed class InstrumentSeries(Instrument instrument)
    {
        // The OpenTelemetry metrics SDK's, so that both ways out say the same.
        private static readonly double[] BoundsDefault = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000];

        private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);

        // The same series, by what measurements come with: making the text for each would cost a unary call more than all its metrics.
        private readonly ConcurrentDictionary<Labels, Series> _byLabels = new();

        public Instrument Instrument { get; } = instrument;

        public bool IsHistogram { get; } = instrument.GetType().Name.StartsWith("Histogram", StringComparison.Ordinal);

        public bool IsMonotonic { get; } = instrument.GetType().Name is ['C', 'o', 'u', 'n', 't', 'e', 'r', ..] or "ObservableCounter`1";

        public bool IsObservable { get; } = instrument.IsObservable;

        /// <summary>A measurement is the value, and is not added to it.</summary>
        public bool IsAbsolute { get; } = instrument.IsObservable || instrument.GetType().Name.StartsWith("Gauge", StringComparison.Ordinal);

        /// <summary>Upper bounds of the buckets: what the instrument advises.</summary>
        public double[] Bounds { get; } = (instrument switch
        {
            Histogram<double> histogram => histogram.Advice?.HistogramBucketBoundaries?.ToArray(),
            Histogram<long> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(static bound => (double)bound).ToArray(),
            Histogram<int> histogram => histogram.Advice?.HistogramBucketBoundaries?.Select(static bound => (double)bound).ToArray(),
            _ => null,
        }) ?? BoundsDefault;

        public IEnumerable<Series> Values => _series.Values;

        public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (!Labels.TryCreate(tags, out var labels))
            {
                FindSeries(tags).Record(value, this);
                return;
            }

            if (!_byLabels.TryGetValue(labels, out var series))
            {
                series = FindSeries(tags);
                if (_byLabels.Count < SeriesPerInstrumentMax)
                {
                    _byLabels.TryAdd(labels, series);
                }
            }

            series.Record(value, this);
        }

        private Series FindSeries(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var key = PrometheusText.FormatLabels(tags);
            if (!_series.TryGetValue(key, out var series))
            {
                if (_series.Count >= SeriesPerInstrumentMax)
                {
                    key = PrometheusText.FormatLabels(OverflowTags);
                }

                series = _series.GetOrAdd(key, static (k, self) => new Series(k, self.IsHistogram ? new long[self.Bounds.Length + 1] : null), this);
            }

            return series;
        }
    }

    /// <summary>Up to two labels as they come with a measurement.</summary>
    private readonly record struct Labels(KeyValuePair<string, object?> First, KeyValuePair<string, object?> Second)
    {
        /// <summary>False for more than two.</summary>
        public static bool TryCreate(ReadOnlySpan<KeyValuePair<string, object?>> tags, out Labels labels)
        {
            labels = new Labels(tags.Length > 0 ? tags[0] : default, tags.Length > 1 ? tags[1] : default);
            return tags.Length <= 2;
        }

        public bool Equals(Labels other) => Same(First, other.First) && Same(Second, other.Second);

        public override int GetHashCode() => HashCode.Combine(First.Value, Second.Value);

        private static bool Same(in KeyValuePair<string, object?> one, in KeyValuePair<string, object?> other) =>
            string.Equals(one.Key, other.Key, StringComparison.Ordinal) && Equals(one.Value, other.Value);
    }

    /// <summary>The values of one label set. All mutable fields are guarded by the object's own lock.</summary>
    internal sealed class Series(string labels, long[]? buckets)
    {
        public string Labels { get; } = labels;

        public double Value { get; private set; }

        public long Count { get; private set; }

        public long[]? Buckets { get; } = buckets;

        public void Record(double value, InstrumentSeries of)
        {
            lock (this)
            {
                Count++;
                if (Buckets is not null)
                {
                    var bucket = Array.BinarySearch(of.Bounds, value);
                    Buckets[bucket >= 0 ? bucket : ~bucket]++;
                    Value += value;
                }
                else
                {
                    Value = of.IsAbsolute ? value : Value + value;
                }
            }
        }
    }
}
