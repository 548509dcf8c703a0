namespace SealService.LoadTests.Measuring;

/// <summary>What one stream, or one loop of calls, has done so far. Its fields have one writer; anyone may read them meanwhile.</summary>
public sealed class StreamMeter
{
    private long _documents;
    private long _bytes;
    private long _errors;

    public long Documents => Volatile.Read(ref _documents);

    /// <summary>Document bytes that were answered.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public long Errors => Volatile.Read(ref _errors);

    /// <summary>The first thing that went wrong.</summary>
    public string? FirstError { get; private set; }

    /// <summary>From the intended start to the answer.</summary>
    public LatencyHistogram Latencies { get; } = new();

    /// <summary>From the intended start to the sending, where only the generator can be the reason.</summary>
    public LatencyHistogram SendingLags { get; } = new();

    public void Answered(long documents, long bytes)
    {
        Volatile.Write(ref _documents, _documents + documents);
        Volatile.Write(ref _bytes, _bytes + bytes);
    }

    public void Failed(string error, long documents = 1)
    {
        FirstError ??= error;
        Interlocked.Add(ref _errors, documents); // reported by either side of a stream
    }
}

/// <summary>The meters of everything that runs at the same time. Safe for concurrent use.</summary>
internal sealed class Meters
{
    private readonly Lock _lock = new();
    private readonly List<StreamMeter> _meters = []; // guarded by _lock

    public string? FirstError
    {
        get
        {
            lock (_lock)
            {
                return _meters.Select(m => m.FirstError).FirstOrDefault(e => e is not null);
            }
        }
    }

    public StreamMeter Add()
    {
        var meter = new StreamMeter();
        lock (_lock)
        {
            _meters.Add(meter);
        }

        return meter;
    }

    /// <summary>The sums as of now.</summary>
    public MeterReading Read()
    {
        var latencies = new LatencyHistogram();
        var lags = new LatencyHistogram();
        long documents = 0, bytes = 0, errors = 0;
        lock (_lock)
        {
            foreach (var meter in _meters)
            {
                documents += meter.Documents;
                bytes += meter.Bytes;
                errors += meter.Errors;
                latencies.Add(meter.Latencies);
                lags.Add(meter.SendingLags);
            }
        }

        return new MeterReading(documents, bytes, errors, latencies, lags);
    }
}

/// <summary>Sums of all meters at one time, or the difference of two such.</summary>
internal sealed record MeterReading(long Documents, long Bytes, long Errors, LatencyHistogram Latencies, LatencyHistogram SendingLags)
{
    public MeterReading Since(MeterReading earlier) => new(
        Documents - earlier.Documents, Bytes - earlier.Bytes, Errors - earlier.Errors, Latencies.Since(earlier.Latencies), SendingLags.Since(earlier.SendingLags));
}
