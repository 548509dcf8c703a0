using SealService.LoadTests.Measuring;
using SealService.LoadTests.Scenarios;
using SealService.LoadTests.Servers;

namespace SealService.LoadTests.Running;

/// <summary>One measurement of one target, in one round.</summary>
internal sealed record Run
{
    private const double BytesPerMegabyte = 1_000_000;

    public required Target Target { get; init; }

    public required int Round { get; init; }

    public required double Seconds { get; init; }

    /// <summary>What was answered while it was measured.</summary>
    public required MeterReading Work { get; init; }

    /// <summary>Failures of the whole run, warm-up and end included.</summary>
    public required long Errors { get; init; }

    public required string? FirstError { get; init; }

    public required ServerReading Before { get; init; }

    public required ServerReading After { get; init; }

    public required double GeneratorCpuSeconds { get; init; }

    public required IReadOnlyList<Sample> Samples { get; init; }

    public double DocumentsPerSecond => Work.Documents / Seconds;

    public double MegabytesPerSecond => Work.Bytes / BytesPerMegabyte / Seconds;
}

/// <summary>One interval of a run.</summary>
/// <param name="AtSeconds">The interval's end, after the beginning of the run.</param>
internal sealed record Sample(
    double AtSeconds, double DocumentsPerSecond, double MegabytesPerSecond, double P50Ms, double P99Ms, double RssMib, double SignaturesPerSecond, double EntriesPerBatch);
