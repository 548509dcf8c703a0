using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using SealService.Ledger;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class LedgerMetricsTests
{
    [Fact]
    public async Task Seal_SomeBatches_AreCountedAndTimed()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { Origin = "seal.example/metrics" };
        fixture.Signer.Dispose();
        fixture.Signer = new TestSigner(fixture.Options.Origin);
        ConcurrentDictionary<string, double> sums = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (string.Equals(instrument.Meter.Name, LedgerMetrics.MeterName, StringComparison.Ordinal))
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.Start();

        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(10));
        Assert.Null(await fixture.SealAsync(5));
        fixture.Signer.FailNext = true;
        Assert.NotNull(await fixture.SealAsync(3));
        listener.RecordObservableInstruments();

        Assert.Equal(15, sums["seal.ledger.entries"]);
        Assert.Equal(15, sums["seal.ledger.batch.size"]);
        Assert.Equal(15, sums["seal.ledger.tree.size"]);
        Assert.InRange(sums["seal.ledger.batches"], 2, 15);
        Assert.InRange(sums["seal.ledger.batches.failed"], 1, 3);
        Assert.True(sums["seal.ledger.sign.duration"] > 0);
        Assert.True(sums["seal.ledger.commit.duration"] > 0);
        Assert.True(sums.ContainsKey("seal.ledger.entries.waiting"));

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            // Other tests' ledgers have other origins.
            if (tags.Length == 1 && Equals(tags[0].Value, fixture.Options.Origin))
            {
                sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            }
        }
    }
}
