extern alias server;

using System.Diagnostics.Metrics;
using server::SealService.Observability;
using Xunit;

namespace SealService.Tests.Server;

public sealed class MetricsRegistryTests : IDisposable
{
    private readonly MetricsRegistry _registry = new();
    private readonly Meter _meter = new("SealService.Test." + Guid.NewGuid());

    public void Dispose()
    {
        _meter.Dispose();
        _registry.Dispose();
    }

    [Fact]
    public void Counter_AddsUpByLabels_HoweverManyThereAre()
    {
        var counter = _meter.CreateCounter<long>("counted");
        for (var i = 0; i < 3; i++)
        {
            counter.Add(1);
            counter.Add(10, new KeyValuePair<string, object?>("method", "a"));
            counter.Add(100, new KeyValuePair<string, object?>("method", "b"));
            counter.Add(1_000, new KeyValuePair<string, object?>("status", "a"));
            counter.Add(10_000, new("method", "a"), new KeyValuePair<string, object?>("status", 0));
            counter.Add(100_000, new("method", "a"), new("status", 0), new KeyValuePair<string, object?>("third", "c"));
        }

        Assert.Equal(
            new Dictionary<string, double>
            {
                [""] = 3,
                ["method=\"a\""] = 30,
                ["method=\"b\""] = 300,
                ["status=\"a\""] = 3_000,
                ["method=\"a\",status=\"0\""] = 30_000,
                ["method=\"a\",status=\"0\",third=\"c\""] = 300_000,
            },
            SeriesOf("counted"));
    }

    [Fact]
    public void Gauge_KeepsTheLastValue()
    {
        var gauge = _meter.CreateGauge<int>("measured");
        gauge.Record(7, new KeyValuePair<string, object?>("of", "x"));
        gauge.Record(5, new KeyValuePair<string, object?>("of", "x"));
        Assert.Equal(new Dictionary<string, double> { ["of=\"x\""] = 5 }, SeriesOf("measured"));
    }

    [Fact]
    public void Histogram_CountsInTheBucketsThatItAdvises_OrInThoseOfOpenTelemetry()
    {
        var advised = _meter.CreateHistogram("advised", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 1] });
        var plain = _meter.CreateHistogram<double>("plain", "s");
        double[] values = [0.001, 0.002, 1, 2];
        foreach (var value in values)
        {
            advised.Record(value);
            plain.Record(value);
        }

        Assert.Equal([1, 2, 1], BucketsOf("advised"));
        Assert.Equal([0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], BucketsOf("plain"));
    }

    [Fact]
    public void TooManyLabels_AreCountedTogether()
    {
        const int Values = 3 * MetricsRegistry.SeriesPerInstrumentMax;
        var counter = _meter.CreateCounter<long>("hostile");
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < Values; i++)
            {
                counter.Add(1, new KeyValuePair<string, object?>("label", i));
            }
        }

        var series = SeriesOf("hostile");
        Assert.Equal(MetricsRegistry.SeriesPerInstrumentMax + 1, series.Count);
        Assert.Equal(2 * (Values - MetricsRegistry.SeriesPerInstrumentMax), series["overflow=\"true\""]);
        Assert.Equal(2 * Values, series.Values.Sum());
    }

    private long[] BucketsOf(string instrument) => _registry.Collect().Single(i => i.Instrument.Meter == _meter && i.Instrument.Name == instrument).Values.Single().Buckets!;

    private Dictionary<string, double> SeriesOf(string instrument) =>
        _registry.Collect().Single(i => i.Instrument.Meter == _meter && i.Instrument.Name == instrument).Values.ToDictionary(s => s.Labels, s => s.Value, StringComparer.Ordinal);
}
