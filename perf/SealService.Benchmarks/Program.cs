using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace SealService.Benchmarks;

/// <summary>Runs the benchmarks that <c>--filter</c> names.</summary>
internal static class BenchmarkProgram
{
    public static void Main(string[] arguments)
    {
        // In process: the project that BenchmarkDotNet would otherwise generate knows nothing of this repository's central versions and lock files.
        var config = DefaultConfig.Instance
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
            .AddDiagnoser(MemoryDiagnoser.Default);
        BenchmarkSwitcher.FromAssembly(typeof(BenchmarkProgram).Assembly).Run(arguments, config);
    }
}
