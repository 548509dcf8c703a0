using System.Numerics;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using SealService.Ledger.Storage;

namespace SealService.Benchmarks;

/// <summary>CRC-32C of what is checked at once: the entries of sixteen documents, and a batch.</summary>
public class ChecksumBenchmarks
{
    private byte[] _bytes = [];

    [Params(16 * 130, 6144 * 130)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _bytes = new byte[Bytes];
        new Random(1).NextBytes(_bytes);
    }

    /// <summary>The processor's instruction, one word after another.</summary>
    [Benchmark(Baseline = true)]
    public uint OneRun()
    {
        var crc = uint.MaxValue;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(_bytes))
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        return ~crc;
    }

    [Benchmark]
    public uint ThreeRuns() => Crc32C.Compute(_bytes);
}
