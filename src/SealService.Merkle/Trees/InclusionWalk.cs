using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>
/// The way from a leaf to the root, one hash a step (RFC 9162 section 2.1.3.2, whose names these are): whoever walks computes the hashes.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct InclusionWalk
{
    private readonly int _hashCount;
    private long _fn;
    private long _sn;
    private MerkleHash _r;
    private int _taken;

    /// <param name="leafHash">Where it begins.</param>
    /// <param name="index">The leaf's index; outside the tree the walk ends at once and is not complete.</param>
    /// <param name="treeSize">The number of leaves.</param>
    /// <param name="hashCount">The number of hashes of the proof.</param>
    public InclusionWalk(in MerkleHash leafHash, long index, long treeSize, int hashCount)
    {
        bool isLeaf = index >= 0 && index < treeSize;
        _hashCount = isLeaf ? hashCount : 0;
        _fn = index;
        _sn = isLeaf ? treeSize - 1 : -1;
        _r = leafHash;
    }

    /// <summary>Whether another hash is to be taken.</summary>
    public readonly bool IsUnderWay => _taken < _hashCount && _sn != 0;

    /// <summary>Whether the proof had as many hashes as the tree's shape demands; then <see cref="Hash"/> is the root.</summary>
    public readonly bool IsComplete => _taken == _hashCount && _sn == 0;

    /// <summary>The node that was reached.</summary>
    public readonly MerkleHash Hash => _r;

    /// <summary>
    /// Whether both have come to the same node of a tree and have the same way before them, so that one may go it for both: not only the
    /// node's hash is compared but also every hash that is still to be taken, for no part of a proof may go unchecked.
    /// </summary>
    public readonly bool Meets(in InclusionWalk other, ReadOnlySpan<MerkleHash> proof, ReadOnlySpan<MerkleHash> otherProof) =>
        _fn == other._fn && _sn == other._sn && _r == other._r
        && MerkleHash.AsBytes(proof[_taken.._hashCount]).SequenceEqual(MerkleHash.AsBytes(otherProof[other._taken..other._hashCount]));

    private readonly bool IsRightChild => (_fn & 1) == 1 || _fn == _sn;

    /// <summary>The left child of the next node.</summary>
    public readonly MerkleHash Left(ReadOnlySpan<MerkleHash> proof) => IsRightChild ? proof[_taken] : _r;

    /// <summary>The right child of the next node.</summary>
    public readonly MerkleHash Right(ReadOnlySpan<MerkleHash> proof) => IsRightChild ? _r : proof[_taken];

    /// <summary>Goes to the next node, whose hash was computed from its children.</summary>
    public void Step(in MerkleHash node)
    {
        if (IsRightChild)
        {
            while ((_fn & 1) == 0 && _fn != 0)
            {
                _fn >>= 1;
                _sn >>= 1;
            }
        }

        _r = node;
        _taken++;
        _fn >>= 1;
        _sn >>= 1;
    }
}
