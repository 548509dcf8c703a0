using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace SealService.LoadTests.Reports;

/// <summary>What the numbers were seen on.</summary>
internal sealed record Machine(string Processor, int Cores, double MemoryGib, string OperatingSystem, string Runtime, string LoadAverage)
{
    // Two servers that were just built leave some load behind; more than this for each core is somebody else's work.
    private const double IdleLoadPerCoreMax = 0.5;

    /// <summary>Whether other work ran when the suite began.</summary>
    [JsonIgnore]
    public bool WasBusy => double.TryParse(LoadAverage, CultureInfo.InvariantCulture, out var load) && load > IdleLoadPerCoreMax * Cores;

    public static Machine Capture() => new(
        ReadField("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        Environment.ProcessorCount,
        Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1L << 30), 1),
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription,
        File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown");

    public override string ToString() => FormattableString.Invariant(
        $"{Cores} cores of {Processor} shared by client and server, {MemoryGib:0.#} GiB, {OperatingSystem}, {Runtime}; load average before the run: {LoadAverage}");

    private static string? ReadField(string file, string field) =>
        File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() : null;
}
