namespace SealService.Merkle;

/// <summary>
/// Up to sixteen inclusion proofs, followed to their roots side by side: a path is a chain of hashes, each of which waits for the last, but
/// sixteen paths do not wait for each other. Not for use by several threads at a time.
/// </summary>
public sealed class InclusionProofGroup
{
    /// <summary>The most proofs in a group.</summary>
    public const int ProofsMax = Sha256Group.MessagesMax;

    private readonly InclusionWalk[] _walks = new InclusionWalk[ProofsMax];
    private readonly ReadOnlyMemory<MerkleHash>[] _proofs = new ReadOnlyMemory<MerkleHash>[ProofsMax];
    private readonly int[] _walking = new int[ProofsMax];
    private readonly MerkleHash[] _children = new MerkleHash[2 * ProofsMax];
    private readonly MerkleHash[] _parents = new MerkleHash[ProofsMax];

    /// <summary>The number of proofs.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a proof; as for <see cref="InclusionProof.TryGetRootHash"/>.</summary>
    /// <exception cref="InvalidOperationException">The group is full.</exception>
    public void Add(in MerkleHash leafHash, long index, long treeSize, ReadOnlyMemory<MerkleHash> proof)
    {
        if (Count == ProofsMax)
        {
            throw new InvalidOperationException($"A group has at most {ProofsMax} proofs.");
        }

        _proofs[Count] = proof;
        _walks[Count++] = new InclusionWalk(leafHash, index, treeSize, proof.Length);
    }

    /// <summary>
    /// Writes the roots that the proofs lead to, in the order in which they were added, null where a proof has another number of hashes
    /// than its tree's shape demands; empties the group.
    /// </summary>
    public void Finish(Span<MerkleHash?> roots)
    {
        while (CollectChildren() is > 0 and var walking)
        {
            TreeHasher.HashPairs(_children.AsSpan(0, 2 * walking), _parents.AsSpan(0, walking));
            for (int i = 0; i < walking; i++)
            {
                _walks[_walking[i]].Step(_parents[i]);
            }
        }

        for (int i = 0; i < Count; i++)
        {
            roots[i] = _walks[i].IsComplete ? _walks[i].Hash : null;
            _proofs[i] = default;
        }

        Count = 0;
    }

    /// <summary>Forgets the proofs.</summary>
    public void Clear() => Count = 0;

    private int CollectChildren()
    {
        int walking = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_walks[i].IsUnderWay)
            {
                ReadOnlySpan<MerkleHash> proof = _proofs[i].Span;
                _children[2 * walking] = _walks[i].Left(proof);
                _children[(2 * walking) + 1] = _walks[i].Right(proof);
                _walking[walking++] = i;
            }
        }

        return walking;
    }
}
