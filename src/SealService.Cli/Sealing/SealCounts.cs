using SealService.Cli.Output;

namespace SealService.Cli.Sealing;

/// <summary>What a run has done so far. Every counter is changed with <see cref="Interlocked"/>.</summary>
internal sealed class SealCounts
{
    private long _sealed;
    private long _alreadySealed;
    private long _changed;
    private long _skipped;
    private long _failed;
    private long _bytes;

    public long Documents => Interlocked.Read(ref _sealed) + Interlocked.Read(ref _alreadySealed) + Interlocked.Read(ref _skipped) + Failed;

    public long Failed => Interlocked.Read(ref _failed);

    public void AddSealed(long sizeBytes, bool alreadySealed, bool contentChanged)
    {
        Interlocked.Add(ref _changed, contentChanged ? 1 : 0);
        Interlocked.Increment(ref alreadySealed ? ref _alreadySealed : ref _sealed);
        Interlocked.Add(ref _bytes, sizeBytes);
    }

    public void AddSkipped() => Interlocked.Increment(ref _skipped);

    public void AddFailed() => Interlocked.Increment(ref _failed);

    public SealSummaryJson ToSummary(TimeSpan elapsed, bool interrupted)
    {
        var sealedNow = Interlocked.Read(ref _sealed);
        var alreadySealed = Interlocked.Read(ref _alreadySealed);
        var perSecond = (sealedNow + alreadySealed) / Math.Max(elapsed.TotalSeconds, 0.001);
        return new(
            "summary",
            Documents,
            sealedNow,
            alreadySealed,
            Interlocked.Read(ref _skipped),
            Interlocked.Read(ref _changed),
            Failed,
            Interlocked.Read(ref _bytes),
            Math.Round(elapsed.TotalSeconds, 3),
            Math.Round(perSecond, 1),
            interrupted);
    }
}
