using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using SealService.Merkle;

namespace SealService.Benchmarks;

/// <summary>What a batch costs in the tree; the figures of a batch are per entry.</summary>
public class TreeBenchmarks
{
    private const int BatchEntries = 4096;
    private const int EntryBytes = 96;
    private const long TreeSizeBefore = 10_000_000;

    private readonly byte[] _entry = new byte[EntryBytes];
    private readonly byte[] _bundle = new byte[BatchEntries * (sizeof(ushort) + EntryBytes)];
    private readonly MerkleHash[] _leaves = new MerkleHash[BatchEntries];
    private readonly MerkleHash[] _hashes = new MerkleHash[BatchEntries];
    private readonly MerkleHash[] _proof = new MerkleHash[InclusionProof.HashCountMax];
    private CompactRange _left = new();
    private BatchTree? _tree;
    private int _proofCount;

    [GlobalSetup]
    public void Setup()
    {
        for (var i = 0; i < BatchEntries; i++)
        {
            _entry[0] = (byte)i;
            _entry[1] = (byte)(i >> 8);
            _leaves[i] = TreeHasher.HashLeaf(_entry);
            var prefixed = _bundle.AsSpan(i * (sizeof(ushort) + EntryBytes));
            BinaryPrimitives.WriteUInt16BigEndian(prefixed, EntryBytes);
            _entry.CopyTo(prefixed[sizeof(ushort)..]);
        }

        // The subtrees' hashes may be any: only their number decides the cost.
        _left = new CompactRange(0, TreeSizeBefore, new MerkleHash[CompactRange.GetHashCount(0, TreeSizeBefore)]);
        _tree = new BatchTree(_left, _leaves);
        _proofCount = _tree.WriteInclusionProof(TreeSizeBefore + 77, _proof);
    }

    [GlobalCleanup]
    public void Cleanup() => _tree?.Dispose();

    [Benchmark]
    public MerkleHash HashLeaf() => TreeHasher.HashLeaf(_entry);

    [Benchmark]
    public MerkleHash HashChildren() => TreeHasher.HashChildren(_leaves[0], _leaves[1]);

    [Benchmark(OperationsPerInvoke = BatchEntries)]
    public void HashLeaves() => TreeHasher.HashLeaves(_bundle, _hashes);

    [Benchmark(OperationsPerInvoke = BatchEntries / 2)]
    public void HashPairs() => TreeHasher.HashPairs(_leaves, _hashes.AsSpan(0, BatchEntries / 2));

    [Benchmark(OperationsPerInvoke = BatchEntries)]
    public MerkleHash AppendBatch()
    {
        using var tree = new BatchTree(_left, _leaves);
        return tree.RootHash;
    }

    [Benchmark]
    public int WriteInclusionProof() => _tree!.WriteInclusionProof(TreeSizeBefore + 77, _proof);

    [Benchmark]
    public bool VerifyInclusionProof() =>
        InclusionProof.Verify(_leaves[77], TreeSizeBefore + 77, TreeSizeBefore + BatchEntries, _proof.AsSpan(0, _proofCount), _tree!.RootHash);
}
