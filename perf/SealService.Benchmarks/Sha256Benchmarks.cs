using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using SealService.Merkle;

namespace SealService.Benchmarks;

/// <summary>The ways to a SHA-256, by size: where the fixed cost of a call ends to matter.</summary>
public class Sha256Benchmarks
{
    private readonly byte[] _digest = new byte[Sha256.DigestSize];
    private readonly Sha256Incremental _incremental = new();
    private byte[] _document = [];

    [Params(64, 1024, 65_536, 1_048_576)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _document = new byte[Bytes];
        RandomNumberGenerator.Fill(_document);
    }

    [GlobalCleanup]
    public void Cleanup() => _incremental.Dispose();

    [Benchmark(Baseline = true)]
    public void Platform() => SHA256.HashData(_document, _digest);

    [Benchmark]
    public void OnePiece() => Sha256.HashData(_document, _digest);

    [Benchmark]
    public void Incremental()
    {
        _incremental.Append(_document);
        _incremental.Finish(_digest);
    }
}
