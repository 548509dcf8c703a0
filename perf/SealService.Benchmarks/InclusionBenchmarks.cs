using BenchmarkDotNet.Attributes;
using SealService.Merkle;

namespace SealService.Benchmarks;

/// <summary>Sixteen inclusion proofs followed to their roots, one after another and side by side. Per proof.</summary>
public class InclusionBenchmarks
{
    private const int Proofs = InclusionProofGroup.ProofsMax;

    private readonly InclusionProofGroup _group = new();
    private readonly MerkleHash?[] _roots = new MerkleHash?[Proofs];
    private readonly MerkleHash[] _leaves = new MerkleHash[Proofs];
    private MerkleHash[][] _proofs = [];

    /// <summary>The number of leaves; the hashes of a proof are its logarithm. Their values do not matter for the cost.</summary>
    [Params(4_096, 10_000_000)]
    public long TreeSize { get; set; }

    [GlobalSetup]
    public void Setup() => _proofs = [.. Enumerable.Range(0, Proofs).Select(i => new MerkleHash[InclusionProof.GetHashCount(i * 200, TreeSize)])];

    [Benchmark(Baseline = true, OperationsPerInvoke = Proofs)]
    public void OneByOne()
    {
        for (var i = 0; i < Proofs; i++)
        {
            _roots[i] = InclusionProof.TryGetRootHash(_leaves[i], i * 200, TreeSize, _proofs[i], out var root) ? root : null;
        }
    }

    [Benchmark(OperationsPerInvoke = Proofs)]
    public void SideBySide()
    {
        for (var i = 0; i < Proofs; i++)
        {
            _group.Add(_leaves[i], i * 200, TreeSize, _proofs[i]);
        }

        _group.Finish(_roots);
    }
}
