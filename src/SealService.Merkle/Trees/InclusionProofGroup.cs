namespace SealService.Merkle;

/// <summary>
/// Up to sixteen inclusion proofs, followed to their roots side by side: a path is a chain of hashes, each of which waits for the last, but
/// sixteen paths do not wait for each other. Paths of neighbours in one tree meet, and from there on are one. Not for use by several threads
/// at a time.
/// </summary>
public sealed class InclusionProofGroup
{
    /// <summary>The most proofs in a group.</summary>
    public const int ProofsMax = Sha256Group.MessagesMax;

    private readonly InclusionWalk[] _walks = new InclusionWalk[ProofsMax];
    private readonly ReadOnlyMemory<MerkleHash>[] _proofs = new ReadOnlyMemory<MerkleHash>[ProofsMax];
    private readonly int[] _walking = new int[ProofsMax]; // those under way that go on for themselves, in ascending order
    private readonly int[] _goesWith = new int[ProofsMax]; // itself, or one before it that it has met
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
    /// <exception cref="ArgumentException"><paramref name="roots"/> has less room than there are proofs.</exception>
    public void Finish(Span<MerkleHash?> roots)
    {
        if (roots.Length < Count)
        {
            throw new ArgumentException($"There are {Count} roots.", nameof(roots));
        }

        int walking = Begin();
        while (walking > 0)
        {
            CollectChildren(walking);
            TreeHasher.HashPairs(_children.AsSpan(0, 2 * walking), _parents.AsSpan(0, walking));
            walking = Step(walking);
        }

        for (int i = 0; i < Count; i++)
        {
            ref readonly InclusionWalk walk = ref _walks[i];
            roots[i] = _goesWith[i] != i ? roots[_goesWith[i]] : walk.IsComplete ? walk.Hash : null;
            _proofs[i] = default;
        }

        Count = 0;
    }

    /// <summary>Forgets the proofs.</summary>
    public void Clear() => Count = 0;

    private int Begin()
    {
        int walking = 0;
        for (int i = 0; i < Count; i++)
        {
            _goesWith[i] = i;
            if (_walks[i].IsUnderWay)
            {
                _walking[walking++] = i;
            }
        }

        return walking;
    }

    private void CollectChildren(int walking)
    {
        for (int i = 0; i < walking; i++)
        {
            ref readonly InclusionWalk walk = ref _walks[_walking[i]];
            ReadOnlySpan<MerkleHash> proof = _proofs[_walking[i]].Span;
            _children[2 * i] = walk.Left(proof);
            _children[(2 * i) + 1] = walk.Right(proof);
        }
    }

    // To the parents. Returns how many are still under way; one that meets the one before goes with that from here on.
    private int Step(int walking)
    {
        int left = 0;
        for (int i = 0; i < walking; i++)
        {
            int current = _walking[i];
            _walks[current].Step(_parents[i]);
            if (!_walks[current].IsUnderWay)
            {
                continue;
            }

            if (left > 0 && _walking[left - 1] is var before
                && _walks[current].Meets(_walks[before], _proofs[current].Span, _proofs[before].Span))
            {
                _goesWith[current] = before;
            }
            else
            {
                _walking[left++] = current;
            }
        }

        return left;
    }
}
