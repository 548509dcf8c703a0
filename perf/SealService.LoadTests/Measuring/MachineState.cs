using System.Diagnostics;
using System.Security.Cryptography;

namespace SealService.LoadTests.Measuring;

/// <summary>
/// How fast disk and memory are while no service runs. A virtual machine's neighbours slow both down for seconds or minutes at a time, and
/// then latencies and ratios are theirs. Takes some 0.7 s.
/// </summary>
/// <param name="DurableWriteMaxMs">The slowest of 150 writes of 4 KiB, each flushed.</param>
/// <param name="RandomStepNs">One step of a random walk through 8 MiB: more than the second-level cache holds, in nanoseconds.</param>
public sealed record MachineState(double DurableWriteMaxMs, double RandomStepNs)
{
    private const int Writes = 150;
    private const int WriteBytes = 4096;
    private const int WalkBytes = 8 * 1024 * 1024;
    private const int LineBytes = 64;
    private const int Steps = 1 << 20;

    private static readonly TimeSpan WriteInterval = TimeSpan.FromMilliseconds(3);

    /// <summary>Measures now, with a file in a folder, which is made if it is not there.</summary>
    public static MachineState Measure(string folder) => new(MeasureWrites(folder), MeasureWalk());

    /// <summary>The worse of two, in each respect.</summary>
    public MachineState OrWorse(MachineState other) =>
        new(Math.Max(DurableWriteMaxMs, other.DurableWriteMaxMs), Math.Max(RandomStepNs, other.RandomStepNs));

    private static double MeasureWrites(string folder)
    {
        Directory.CreateDirectory(folder);
        var bytes = new byte[WriteBytes];
        using var file = File.OpenHandle(
            Path.Combine(folder, "disk-probe"), FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.DeleteOnClose);
        RandomAccess.Write(file, bytes, 0); // gets its block
        RandomAccess.FlushToDisk(file);
        var slowest = TimeSpan.Zero;
        for (var i = 0; i < Writes; i++)
        {
            Thread.Sleep(WriteInterval);
            var begin = Stopwatch.GetTimestamp();
            RandomAccess.Write(file, bytes, 0);
            RandomAccess.FlushToDisk(file);
            var took = Stopwatch.GetElapsedTime(begin);
            slowest = took > slowest ? took : slowest;
        }

        return slowest.TotalMilliseconds;
    }

    private static double MeasureWalk()
    {
        // One cycle through all lines: each says at its begin which is next.
        const int wordsPerLine = LineBytes / sizeof(int);
        var order = Enumerable.Range(0, WalkBytes / LineBytes).ToArray();
        RandomNumberGenerator.Shuffle(order.AsSpan());
        var next = new int[WalkBytes / sizeof(int)];
        for (var i = 0; i < order.Length; i++)
        {
            next[order[i] * wordsPerLine] = order[(i + 1) % order.Length] * wordsPerLine;
        }

        var at = 0;
        var begin = Stopwatch.GetTimestamp();
        for (var i = 0; i < Steps; i++)
        {
            at = next[at];
        }

        var nanoseconds = Stopwatch.GetElapsedTime(begin).TotalNanoseconds;
        return at < 0 ? double.NaN : nanoseconds / Steps; // or the walk is not made at all
    }
}
