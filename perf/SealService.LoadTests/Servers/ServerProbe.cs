using System.Globalization;

namespace SealService.LoadTests.Servers;

/// <summary>Reads what a server uses (<c>/proc</c>) and what it says of itself (<c>/metrics</c>).</summary>
internal sealed class ServerProbe(ServerProcess server) : IDisposable
{
    private const double BytesPerKibibyte = 1024;
    private const double BytesPerMebibyte = 1024 * 1024;
    private const string BoundLabel = "le=\"";
    private const double ClockTicksPerSecond = 100; // USER_HZ, the same on all Linux machines

    // The commits that are not slow.
    private const string SlowCommitsBucket = "seal_ledger_commit_duration_seconds_bucket:0.025";

    private readonly HttpClient _http = new();

    /// <summary>The values as of now.</summary>
    public async Task<ServerReading> ReadAsync(CancellationToken cancellationToken = default)
    {
        var metrics = server.HttpAddress == "-" ? [] : await ReadMetricsAsync(cancellationToken);
        double Metric(string name) => metrics.GetValueOrDefault(name);
        return new ServerReading
        {
            RssMib = ReadRssMib(server.ProcessId),
            CpuSeconds = ReadCpuSeconds(server.ProcessId),
            Signatures = Metric("seal_hsm_signatures_total"),
            Batches = Metric("seal_ledger_batches_total"),
            Entries = Metric("seal_ledger_entries_total"),
            SignSeconds = Metric("seal_ledger_sign_duration_seconds_sum"),
            CommitSeconds = Metric("seal_ledger_commit_duration_seconds_sum"),
            SlowCommits = Metric("seal_ledger_commit_duration_seconds_count") - Metric(SlowCommitsBucket),
            AllocatedBytes = Metric("seal_dotnet_gc_heap_total_allocated_bytes_total"),
        };
    }

    /// <summary>The processor time that a process has used, in seconds.</summary>
    public static double ReadCpuSeconds(int processId)
    {
        // proc_pid_stat(5): fields 14 and 15 are utime and stime; field 2, the name, is in parentheses and may hold spaces.
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture)) / ClockTicksPerSecond;
    }

    public void Dispose() => _http.Dispose();

    private static double ReadRssMib(int processId)
    {
        var line = File.ReadLines($"/proc/{processId}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * BytesPerKibibyte / BytesPerMebibyte;
    }

    // Sums over all label sets; of a histogram's buckets, over those of the same bound, which is added to the name.
    private async Task<Dictionary<string, double>> ReadMetricsAsync(CancellationToken cancellationToken)
    {
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        var text = await _http.GetStringAsync(new Uri($"http://{server.HttpAddress}/metrics"), cancellationToken);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l[0] != '#'))
        {
            var nameEnd = line.AsSpan().IndexOfAny('{', ' ');
            var name = line[..nameEnd];
            if (line.IndexOf(BoundLabel, StringComparison.Ordinal) is var bound and > 0)
            {
                var begin = bound + BoundLabel.Length;
                name += ":" + line[begin..line.IndexOf('"', begin)];
            }

            var value = double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture);
            sums[name] = sums.GetValueOrDefault(name) + value;
        }

        return sums;
    }
}

/// <summary>Values of a server at one time. Those that count up begin with the process.</summary>
internal sealed record ServerReading
{
    public required double RssMib { get; init; }

    public required double CpuSeconds { get; init; }

    /// <summary>Signatures by the HSM.</summary>
    public required double Signatures { get; init; }

    public required double Batches { get; init; }

    public required double Entries { get; init; }

    public required double SignSeconds { get; init; }

    public required double CommitSeconds { get; init; }

    /// <summary>Durable writes of batches that took more than 25 ms.</summary>
    public required double SlowCommits { get; init; }

    /// <summary>Bytes allocated on the managed heap.</summary>
    public required double AllocatedBytes { get; init; }
}
