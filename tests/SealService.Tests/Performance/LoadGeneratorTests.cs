using System.Diagnostics;
using SealService.LoadTests.Measuring;
using SealService.LoadTests.Pacing;
using SealService.LoadTests.Scenarios;
using SealService.LoadTests.Traffic;
using SealService.Tests.Ledger;
using Xunit;

namespace SealService.Tests.Performance;

/// <summary>What the load suite counts with: an error here would be an error in every published number.</summary>
public sealed class LoadGeneratorTests
{
    [Fact]
    public void Percentile_OfRandomLatencies_IsThatOfTheSortedOnesWithinABucket()
    {
        var random = new Random(20261121);
        var histogram = new LatencyHistogram();
        var exact = new double[20_000];
        for (var i = 0; i < exact.Length; i++)
        {
            exact[i] = Math.Round(Math.Exp(random.NextDouble() * 16)); // 1 µs to 9 s
            histogram.Record(TimeSpan.FromMicroseconds(exact[i]));
        }

        Array.Sort(exact);
        Assert.Equal(exact.Length, histogram.Count);
        Assert.All(new[] { 0.01, 0.5, 0.9, 0.99, 0.999, 1 }, share =>
        {
            var expectedMs = exact[(int)Math.Ceiling(share * exact.Length) - 1] / 1000;
            Assert.InRange(histogram.PercentileMs(share), expectedMs, expectedMs * 1.016);
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(128)]
    public void Percentile_BelowTheFirstWideBucket_IsExact(int microseconds)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(TimeSpan.FromMicroseconds(microseconds));
        Assert.InRange(histogram.PercentileMs(1), microseconds / 1000.0, (microseconds + (microseconds / 128)) / 1000.0);
    }

    [Fact]
    public void Since_AnEarlierSnapshot_IsWhatCameBetween()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(TimeSpan.FromMilliseconds(900), 100);
        var earlier = histogram.Snapshot();
        histogram.Record(TimeSpan.FromMilliseconds(1), 3);
        var between = histogram.Since(earlier);
        Assert.Equal(3, between.Count);
        Assert.InRange(between.PercentileMs(1), 1, 1.016);
        Assert.Equal(103, histogram.Count);
    }

    [Fact]
    public void Schedule_Constant_IsEvenlySpaced()
    {
        var schedule = ArrivalSchedule.Constant(start: 1000, perSecond: 4);
        Assert.Equal([0, 0.25, 0.5, 0.75], Take(schedule, 4, 1000));
    }

    [Fact]
    public void Schedule_Ramp_StartsAsManyAsItsAreaAndThenStays()
    {
        var starts = Take(ArrivalSchedule.Ramp(start: 0, fromPerSecond: 100, toPerSecond: 300, over: TimeSpan.FromSeconds(2)), 700, 0);
        Assert.Equal(400, starts.Count(s => s < 2)); // (100 + 300) / 2 for 2 s
        Assert.Equal(150, starts.Count(s => s < 1)); // (100 + 200) / 2 for 1 s
        Assert.Equal(300, starts.Count(s => s is >= 2 and < 3 - 1e-6));
        Assert.Equal(starts.Order(), starts);
    }

    [Fact]
    public void Schedule_Poisson_HasTheRateAndTheSpreadOfIndependentArrivals()
    {
        var starts = Take(ArrivalSchedule.Poisson(start: 0, perSecond: 1000, seed: 7), 50_000, 0);
        Assert.InRange(starts.Count / starts[^1], 970, 1030);
        var gaps = starts.Zip(starts.Skip(1), (a, b) => b - a).ToArray();
        // Of exponential gaps the share e^-1 is longer than the mean; of even gaps none would be.
        Assert.InRange(gaps.Count(g => g > 0.001) / (double)gaps.Length, 0.355, 0.38);
    }

    [Theory]
    [InlineData(0.74, false)]
    [InlineData(0.75, true)]
    [InlineData(double.NaN, false)]
    public void Threshold_AtLeast_HoldsFromItsValueOn(double value, bool holds) => Assert.Equal(holds, Threshold.AtLeast("ratio", 0.75).Holds(value));

    [Theory]
    [InlineData(15, true)]
    [InlineData(15.01, false)]
    [InlineData(double.NaN, false)]
    public void Threshold_AtMost_HoldsUpToItsValue(double value, bool holds) => Assert.Equal(holds, Threshold.AtMost("p99_ms", 15).Holds(value));

    [Theory]
    [InlineData("p99_ms<=20", "p99_ms <= 20")]
    [InlineData(" ratio_to_null >= 0.5 ", "ratio_to_null >= 0.5")]
    [InlineData("errors<=-1e-1", "errors <= -0.1")]
    [InlineData("p99_ms=20", null)]
    [InlineData("p99_ms<20", null)]
    [InlineData("<=20", null)]
    [InlineData(" <=20", null)]
    [InlineData("errors<=0.00001", "errors <= 0.00001")]
    [InlineData("p99_ms<=", null)]
    [InlineData("p99_ms<=NaN", null)]
    [InlineData("p99_ms<=20<=30", null)]
    public void Threshold_Parse_ReadsWhatToStringWrites(string text, string? expected) => Assert.Equal(expected, Threshold.Parse(text)?.ToString());

    [Fact]
    public void Threshold_Override_ReplacesTheSameSideOfTheSameMetric()
    {
        Threshold[] own = [Threshold.AtMost("errors", 0), Threshold.AtMost("p99_ms", 15), Threshold.AtLeast("ratio", 0.5)];
        Threshold[] by = [Threshold.AtMost("p99_ms", 30), Threshold.AtMost("ratio", 0.9), Threshold.AtLeast("other", 1)];
        Assert.Equal([own[0], own[2], .. by], Threshold.Override(own, by));
        Assert.Equal(own, Threshold.Override(own, []));
    }

    [Fact]
    public async Task FlightLog_FullWindow_WaitsForAnswersAndCountsFromTheIntendedStart()
    {
        var meter = new StreamMeter();
        var flights = new FlightLog(window: 8, meter);
        var longAgo = Stopwatch.GetTimestamp() - (10 * Stopwatch.Frequency);
        flights.Begin(longAgo, 6);
        var waiting = flights.WaitForRoomAsync(4, TestContext.Current.CancellationToken);
        Assert.False(waiting.IsCompleted);
        flights.Answer(1);
        Assert.False(waiting.IsCompleted);
        flights.Answer(1);
        await waiting;
        Assert.Equal(4, flights.InFlight);
        Assert.Equal(2, meter.Latencies.Count);
        Assert.True(meter.Latencies.PercentileMs(0.01) >= 10_000);
    }

    private static List<double> Take(ArrivalSchedule schedule, int count, long start)
    {
        var starts = new List<double>();
        for (var i = 0; i < count; i++, schedule.Advance())
        {
            starts.Add((schedule.Next - start) / (double)Stopwatch.Frequency);
        }

        return starts;
    }

    [Fact]
    public void MachineState_IsMeasuredAndLeavesNothingBehind()
    {
        using TemporaryFolder folder = new();
        var state = MachineState.Measure(folder.Path);
        Assert.InRange(state.DurableWriteMaxMs, double.Epsilon, double.MaxValue);
        Assert.InRange(state.RandomStepNs, double.Epsilon, double.MaxValue);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
        Assert.Equal(new MachineState(3, 4), new MachineState(3, 2).OrWorse(new MachineState(1, 4)));
    }
}
