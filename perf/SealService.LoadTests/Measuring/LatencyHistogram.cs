using System.Numerics;

namespace SealService.LoadTests.Measuring;

/// <summary>
/// Counts latencies in buckets of a constant relative width (HdrHistogram's idea): 1 µs below 128 µs, at most 1.6 % above, up to 67 s. One thread records; any thread may take a snapshot meanwhile, and the difference of two snapshots is what came between them.
/// </summary>
public sealed class LatencyHistogram
{
    private const int SubBucketBits = 7;
    private const int SubBuckets = 1 << SubBucketBits;
    private const int MagnitudeMax = 26;
    private const int BucketCount = (MagnitudeMax - SubBucketBits + 2) * SubBuckets / 2;

    // Owned by the recording thread; read by snapshots, for which a count may be one too few.
    private readonly long[] _counts;

    public LatencyHistogram()
        : this(new long[BucketCount])
    {
    }

    private LatencyHistogram(long[] counts) => _counts = counts;

    /// <summary>How many latencies were recorded.</summary>
    public long Count
    {
        get
        {
            long count = 0;
            foreach (var bucket in _counts)
            {
                count += bucket;
            }

            return count;
        }
    }

    /// <summary>Records one latency several times.</summary>
    public void Record(TimeSpan latency, long times = 1)
    {
        var microseconds = (ulong)Math.Clamp(latency.Ticks / TimeSpan.TicksPerMicrosecond, 0, (1L << MagnitudeMax) - 1);
        _counts[BucketOf(microseconds)] += times;
    }

    /// <summary>A copy as of now.</summary>
    public LatencyHistogram Snapshot() => new([.. _counts]);

    /// <summary>Adds what another one counted.</summary>
    public void Add(LatencyHistogram other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }
    }

    /// <summary>What was counted since an earlier snapshot.</summary>
    public LatencyHistogram Since(LatencyHistogram earlier)
    {
        var difference = new long[BucketCount];
        for (var i = 0; i < difference.Length; i++)
        {
            difference[i] = _counts[i] - earlier._counts[i];
        }

        return new LatencyHistogram(difference);
    }

    /// <summary>The latency that the given share of all is at or below, in milliseconds; 0 when there are none.</summary>
    /// <param name="share">From 0 to 1.</param>
    public double PercentileMs(double share)
    {
        var wanted = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (var bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= wanted)
            {
                return UpperBoundOf(bucket) / 1000.0;
            }
        }

        return 0;
    }

    /// <summary>The buckets that are not empty, with their upper bounds in milliseconds.</summary>
    public IEnumerable<(double UpToMs, long Count)> Buckets() =>
        _counts.Select((count, bucket) => (UpToMs: UpperBoundOf(bucket) / 1000.0, Count: count)).Where(bucket => bucket.Count > 0);

    // Magnitude 0 holds 0..127 one by one; magnitude m holds [2^(m+6), 2^(m+7)) in 64 steps, in the upper half of its buckets.
    private static int BucketOf(ulong value)
    {
        var magnitude = Math.Max(0, BitOperations.Log2(value | 1) - SubBucketBits + 1);
        return (magnitude * SubBuckets / 2) + (int)(value >> magnitude);
    }

    private static ulong UpperBoundOf(int bucket)
    {
        if (bucket < SubBuckets)
        {
            return (ulong)bucket;
        }

        var magnitude = (bucket / (SubBuckets / 2)) - 1;
        var step = (ulong)(bucket - (magnitude * SubBuckets / 2));
        return ((step + 1) << magnitude) - 1;
    }
}
