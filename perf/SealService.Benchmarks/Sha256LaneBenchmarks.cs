using System.Buffers;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using SealService.Merkle;

namespace SealService.Benchmarks;

/// <summary>
/// Sixteen messages of 1 KiB one after another and side by side, and with fewer of them: where hashing side by side begins to pay.
/// </summary>
public class Sha256LaneBenchmarks
{
    private const int DocumentBytes = 1024;

    private readonly Sha256Group _sideBySide = new();
    private readonly Sha256Incremental _oneByOne = new();
    private readonly MerkleHash[] _digests = new MerkleHash[Sha256Group.MessagesMax];
    private ReadOnlySequence<byte>[] _documents = [];

    [Params(4, 8, 10, 12, 16)]
    public int Messages { get; set; }

    [GlobalSetup]
    public void Setup() =>
        _documents = [.. Enumerable.Range(0, Messages).Select(_ => new ReadOnlySequence<byte>(RandomNumberGenerator.GetBytes(DocumentBytes)))];

    [GlobalCleanup]
    public void Cleanup()
    {
        _sideBySide.Dispose();
        _oneByOne.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void OneByOne()
    {
        for (var i = 0; i < _documents.Length; i++)
        {
            _oneByOne.Append(_documents[i]);
            _digests[i] = _oneByOne.Finish();
        }
    }

    [Benchmark]
    public void Group()
    {
        foreach (ref readonly var document in _documents.AsSpan())
        {
            _sideBySide.Add(document);
        }

        _sideBySide.Finish(_digests);
    }
}
