using System.Buffers;
using BenchmarkDotNet.Attributes;

namespace SealService.Benchmarks;

/// <summary>gRPC messages of several sizes are found in the transport's buffers; nothing is done with them. Per message.</summary>
public class FrameBenchmarks
{
    private const int Messages = 1024;

    private BulkCall? _call;

    [Params(16, 256, 1024, 64 * 1024)]
    public int DocumentBytes { get; set; }

    [GlobalSetup]
    public void Setup() => _call = new BulkCall(Messages, DocumentBytes);

    [GlobalCleanup]
    public void Cleanup() => _call?.Dispose();

    [Benchmark(OperationsPerInvoke = Messages)]
    public Task Frames() => _call!.RunAsync(static (in ReadOnlySequence<byte> _) => { });
}
