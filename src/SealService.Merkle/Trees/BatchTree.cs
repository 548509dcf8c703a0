using System.Buffers;

namespace SealService.Merkle;

/// <summary>
/// All nodes that a run of consecutive leaves [<see cref="Begin"/>, <see cref="End"/>) takes part in, in a tree of <see cref="TreeSize"/>
/// leaves of which only the compact ranges left and right of the run are known. About one hash a leaf to build, in pooled
/// memory; then every proof and every compact range of the run costs O(log n) and no hash. Reading is safe from several
/// threads; <see cref="Dispose"/> gives the memory back.
/// </summary>
/// <remarks>
/// Level l holds nodes floor(Begin / 2^l) to floor((End - 1) / 2^l) and their siblings where the tree has them: a left sibling that
/// the run has no part in comes from the left range, a right one from the right range. A level thus begins at an even
/// node, and its pairs lie side by side. A last node without a sibling moves up unchanged (RFC 9162 section 2.1.1).
/// </remarks>
public sealed class BatchTree : IDisposable
{
    private const int LevelCountMax = 64;

    private readonly MerkleHash[] _leftHashes;
    private readonly MerkleHash[] _rightHashes;
    private readonly int[] _levelOffsets = new int[LevelCountMax];
    private readonly int _levelCount;
    private MerkleHash[]? _nodes;

    /// <summary>Builds the tree of <paramref name="left"/>, [0, first), and the leaves that follow it.</summary>
    /// <exception cref="ArgumentException">There are no leaves, or <paramref name="left"/> does not begin at leaf 0.</exception>
    public BatchTree(CompactRange left, ReadOnlySpan<MerkleHash> leafHashes)
        : this(left, leafHashes, new CompactRange(CheckedEnd(left, leafHashes.Length)))
    {
    }

    /// <summary>
    /// Builds the tree of <paramref name="left"/>, [0, first), the n leaves that follow it, and <paramref name="right"/>,
    /// [first + n, tree size).
    /// </summary>
    /// <exception cref="ArgumentException">There are no leaves, or the three do not make one tree.</exception>
    public BatchTree(CompactRange left, ReadOnlySpan<MerkleHash> leafHashes, CompactRange right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (left.Begin != 0 || leafHashes.IsEmpty || right.Begin != CheckedEnd(left, leafHashes.Length))
        {
            throw new ArgumentException("The left range, at least one leaf and the right range must make one tree.", nameof(leafHashes));
        }

        Begin = left.End;
        End = right.Begin;
        TreeSize = right.End;
        _leftHashes = left.Hashes.ToArray();
        _rightHashes = right.Hashes.ToArray();
        int nodeCount = LayOutLevels(out _levelCount);
        _nodes = ArrayPool<MerkleHash>.Shared.Rent(nodeCount);
        Build(leafHashes);
    }

    /// <summary>The index of the first leaf of the run.</summary>
    public long Begin { get; }

    /// <summary>The index after the last leaf of the run.</summary>
    public long End { get; }

    /// <summary>The number of leaves of the whole tree.</summary>
    public long TreeSize { get; }

    /// <summary>The root of the whole tree.</summary>
    public MerkleHash RootHash => Node(_levelCount - 1, 0);

    /// <summary>
    /// The roots of the perfect subtrees of 2^<paramref name="level"/> leaves that end within the run, from left to right; on level 0 the
    /// run's leaf hashes. The first is subtree floor(<see cref="Begin"/> / 2^level) of its level. Valid until <see cref="Dispose"/>.
    /// </summary>
    public ReadOnlySpan<MerkleHash> GetPerfectRoots(int level)
    {
        long first = Begin >> level;
        int count = (int)((End >> level) - first);
        return count == 0 ? [] : Nodes.AsSpan(Position(level, first), count);
    }

    /// <summary>The right edge of the whole tree: the compact range [0, <see cref="TreeSize"/>).</summary>
    public CompactRange ToCompactRange()
    {
        Span<MerkleHash> hashes = stackalloc MerkleHash[CompactRange.HashCountMax];
        int leftCount = WriteLeftRange(End, hashes);
        var range = new CompactRange(0, End, hashes[..leftCount]);
        range.TryMergeRight(new CompactRange(End, TreeSize, _rightHashes));
        return range;
    }

    /// <summary>
    /// Writes the hashes of the compact range [0, <paramref name="end"/>), for an end within the run, and returns their number
    /// (<see cref="CompactRange.GetHashCount"/>).
    /// </summary>
    public int WriteLeftRange(long end, Span<MerkleHash> destination)
    {
        ThrowUnlessWithin(end);
        Span<Subtree> subtrees = stackalloc Subtree[CompactRange.HashCountMax];
        int count = CompactRange.GetSubtrees(0, end, subtrees);
        for (int i = 0; i < count; i++)
        {
            // Subtrees that end before the run are the first ones of both ranges.
            destination[i] = subtrees[i].End <= Begin ? _leftHashes[i] : Node(subtrees[i].Level, subtrees[i].IndexInLevel);
        }

        return count;
    }

    /// <summary>
    /// Writes the hashes of the compact range [<paramref name="begin"/>, <see cref="TreeSize"/>), for a begin within the run, and returns
    /// their number (<see cref="CompactRange.GetHashCount"/>).
    /// </summary>
    public int WriteRightRange(long begin, Span<MerkleHash> destination)
    {
        ThrowUnlessWithin(begin);
        Span<Subtree> subtrees = stackalloc Subtree[CompactRange.HashCountMax];
        int count = CompactRange.GetSubtrees(begin, TreeSize, subtrees);
        for (int i = 0; i < count; i++)
        {
            // Subtrees that begin after the run are the last ones of both ranges.
            destination[i] = subtrees[i].Begin >= End
                ? _rightHashes[_rightHashes.Length - count + i]
                : Node(subtrees[i].Level, subtrees[i].IndexInLevel);
        }

        return count;
    }

    /// <summary>The number of hashes of <see cref="WriteInclusionProof"/>.</summary>
    public int GetInclusionProofHashCount(long index) => InclusionProof.GetHashCount(index, TreeSize);

    /// <summary>Writes the inclusion proof of a leaf of the run in the whole tree, and returns the number of its hashes.</summary>
    public int WriteInclusionProof(long index, Span<MerkleHash> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(index, Begin);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, End);
        int count = 0;
        for (int level = 0; level < _levelCount - 1; level++)
        {
            long sibling = (index >> level) ^ 1;
            if (sibling <= (TreeSize - 1) >> level)
            {
                destination[count++] = Node(level, sibling);
            }
        }

        return count;
    }

    /// <summary>Gives the memory back to the pool; the tree can't be used any more.</summary>
    public void Dispose()
    {
        MerkleHash[]? nodes = Interlocked.Exchange(ref _nodes, null);
        if (nodes is not null)
        {
            ArrayPool<MerkleHash>.Shared.Return(nodes);
        }
    }

    private static long CheckedEnd(CompactRange left, int leafCount)
    {
        ArgumentNullException.ThrowIfNull(left);
        return checked(left.End + leafCount);
    }

    private long FirstNode(int level) => (Begin >> level) & ~1L;

    private long LastNode(int level) => Math.Min(((End - 1) >> level) | 1, (TreeSize - 1) >> level);

    /// <summary>The memory of its nodes, in bytes; 0 once it is disposed of.</summary>
    public long HeldBytes => (long)(_nodes?.Length ?? 0) * MerkleHash.Size;

    private MerkleHash[] Nodes => _nodes ?? throw new ObjectDisposedException(nameof(BatchTree));

    private int Position(int level, long index) => _levelOffsets[level] + (int)(index - FirstNode(level));

    private ref MerkleHash Node(int level, long index) => ref Nodes[Position(level, index)];

    private int LayOutLevels(out int levelCount)
    {
        int nodeCount = 0;
        levelCount = 0;
        do
        {
            _levelOffsets[levelCount] = nodeCount;
            nodeCount = checked(nodeCount + (int)(LastNode(levelCount) - FirstNode(levelCount) + 1));
        }
        while ((TreeSize - 1) >> levelCount++ != 0);

        return nodeCount;
    }

    private void Build(ReadOnlySpan<MerkleHash> leafHashes)
    {
        leafHashes.CopyTo(_nodes.AsSpan((int)(Begin - FirstNode(0))));
        int leftTaken = 0;
        int rightTaken = 0;
        for (int level = 0; ; level++)
        {
            // Left ranges are used from their end: their smallest subtree is the sibling on the lowest level.
            if (((Begin >> level) & 1) == 1)
            {
                Node(level, FirstNode(level)) = _leftHashes[^++leftTaken];
            }

            if (LastNode(level) > (End - 1) >> level)
            {
                Node(level, LastNode(level)) = TakeRight(level, ref rightTaken);
            }

            if (level == _levelCount - 1)
            {
                return;
            }

            BuildParents(level);
        }
    }

    // The sibling right of the run: one subtree of the right range, or on the tree's right edge all that are left.
    private MerkleHash TakeRight(int level, ref int taken)
    {
        bool isPerfect = LastNode(level) < TreeSize >> level;
        ReadOnlySpan<MerkleHash> left = _rightHashes.AsSpan(taken);
        taken = isPerfect ? taken + 1 : _rightHashes.Length;
        return isPerfect ? left[0] : TreeHasher.HashRightEdge(left);
    }

    private void BuildParents(int level)
    {
        int childCount = (int)(LastNode(level) - FirstNode(level) + 1);
        int pairCount = childCount / 2;
        Span<MerkleHash> children = _nodes.AsSpan(_levelOffsets[level], childCount);
        Span<MerkleHash> parents = _nodes.AsSpan(_levelOffsets[level + 1]);

        // The parents' level may begin with a left sibling, which is not a parent of these children.
        parents = parents[(int)((FirstNode(level) >> 1) - FirstNode(level + 1))..];
        TreeHasher.HashPairs(children[..(2 * pairCount)], parents[..pairCount]);
        if ((childCount & 1) == 1)
        {
            parents[pairCount] = children[^1];
        }
    }

    private void ThrowUnlessWithin(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, Begin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bound, End);
    }
}
