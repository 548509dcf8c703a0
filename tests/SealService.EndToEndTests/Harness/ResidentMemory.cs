using System.Globalization;

namespace SealService.EndToEndTests.Harness;

/// <summary>The resident memory (VmRSS) of a server's process, sampled until disposed.</summary>
internal sealed class ResidentMemory : IAsyncDisposable
{
    private static readonly TimeSpan SamplingPeriod = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _end = new();
    private readonly Task _sampling;
    private long _peakBytes;

    public ResidentMemory(RealServer server) => _sampling = Task.Run(async () =>
    {
        while (!_end.IsCancellationRequested)
        {
            Volatile.Write(ref _peakBytes, Math.Max(_peakBytes, BytesOf(server)));
            await Task.Delay(SamplingPeriod, CancellationToken.None);
        }
    });

    /// <summary>The largest sample so far.</summary>
    public long PeakBytes => Volatile.Read(ref _peakBytes);

    /// <summary>The resident bytes at this moment. Source: proc_pid_status(5).</summary>
    public static long BytesOf(RealServer server)
    {
        var line = File.ReadLines($"/proc/{server.ProcessId}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _sampling;
        _end.Dispose();
    }
}
