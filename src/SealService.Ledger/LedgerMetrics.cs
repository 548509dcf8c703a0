using System.Diagnostics.Metrics;

namespace SealService.Ledger;

/// <summary>The instruments of the meter "SealService.Ledger", tagged with the ledger's origin.</summary>
internal sealed class LedgerMetrics : IDisposable
{
    public const string MeterName = "SealService.Ledger";

    // OpenTelemetry's own begin at 5, which would be 5 s.
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    };

    private static readonly InstrumentAdvice<int> Entries = new() { HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576] };

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _batches;
    private readonly Counter<long> _failedBatches;
    private readonly Counter<long> _entries;
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _signDuration;
    private readonly Histogram<double> _commitDuration;
    private readonly KeyValuePair<string, object?> _origin;

    public LedgerMetrics(string origin, Func<long> treeSize, Func<long> entriesWaiting)
    {
        _origin = new("ledger.origin", origin);
        _batches = _meter.CreateCounter<long>("seal.ledger.batches", "{batch}", "Batches that were sealed");
        _failedBatches = _meter.CreateCounter<long>("seal.ledger.batches.failed", "{batch}", "Batches that were not sealed");
        _entries = _meter.CreateCounter<long>("seal.ledger.entries", "{entry}", "Entries that were sealed");
        _batchSize = _meter.CreateHistogram<int>("seal.ledger.batch.size", "{entry}", "Entries of a sealed batch", advice: Entries);
        _signDuration = _meter.CreateHistogram<double>("seal.ledger.sign.duration", "s", "Time to sign a checkpoint", advice: Seconds);
        _commitDuration = _meter.CreateHistogram<double>("seal.ledger.commit.duration", "s", "Time to make a record durable", advice: Seconds);
        _meter.CreateObservableGauge(
            "seal.ledger.tree.size",
            () => new Measurement<long>(treeSize(), _origin),
            "{entry}",
            "Entries of the newest signed head");
        _meter.CreateObservableGauge(
            "seal.ledger.entries.waiting",
            () => new Measurement<long>(entriesWaiting(), _origin),
            "{entry}",
            "Room that writers have taken in the batches that are not yet sealed");
    }

    public void BatchSealed(int entries)
    {
        _batches.Add(1, _origin);
        _entries.Add(entries, _origin);
        _batchSize.Record(entries, _origin);
    }

    public void BatchFailed() => _failedBatches.Add(1, _origin);

    public void Signed(TimeSpan duration) => _signDuration.Record(duration.TotalSeconds, _origin);

    public void Committed(TimeSpan duration) => _commitDuration.Record(duration.TotalSeconds, _origin);

    public void Dispose() => _meter.Dispose();
}
