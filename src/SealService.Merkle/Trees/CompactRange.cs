using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>
/// The compact range [<see cref="Begin"/>, <see cref="End"/>): the roots of the fewest perfect subtrees that cover these leaves, from left
/// to right (the concept of transparency-dev/merkle). Ranges that touch merge in O(log n); [0, n) gives the root. Mutable;
/// for one thread at a time.
/// </summary>
public sealed class CompactRange
{
    /// <summary>The most hashes that a range can have: 62 rising and 62 falling subtrees.</summary>
    public const int HashCountMax = 124;

    private readonly List<MerkleHash> _hashes;

    /// <summary>Creates the empty range [<paramref name="begin"/>, <paramref name="begin"/>).</summary>
    public CompactRange(long begin = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(begin);
        Begin = begin;
        End = begin;
        _hashes = [];
    }

    /// <summary>Creates the range [<paramref name="begin"/>, <paramref name="end"/>) of hashes that were taken from one.</summary>
    /// <exception cref="ArgumentException">The number of hashes is not <see cref="GetHashCount"/>.</exception>
    public CompactRange(long begin, long end, ReadOnlySpan<MerkleHash> hashes)
    {
        if (hashes.Length != GetHashCount(begin, end))
        {
            throw new ArgumentException("The number of hashes is not that of the range.", nameof(hashes));
        }

        Begin = begin;
        End = end;
        _hashes = [.. hashes];
    }

    /// <summary>The index of the first leaf.</summary>
    public long Begin { get; }

    /// <summary>The index after the last leaf.</summary>
    public long End { get; private set; }

    /// <summary>The roots of the subtrees; valid until the range is changed.</summary>
    public ReadOnlySpan<MerkleHash> Hashes => CollectionsMarshal.AsSpan(_hashes);

    /// <summary>
    /// Reads the range [<paramref name="begin"/>, <paramref name="end"/>) from its hashes, 32 bytes each. False when the bounds are no
    /// range or the length is not 32 times <see cref="GetHashCount"/>.
    /// </summary>
    public static bool TryRead(long begin, long end, ReadOnlySpan<byte> hashes, [NotNullWhen(true)] out CompactRange? range)
    {
        range = null;
        if (begin < 0 || end < begin || hashes.Length != (long)GetHashCount(begin, end) * MerkleHash.Size)
        {
            return false;
        }

        range = new CompactRange(begin, end, MerkleHash.Cast(hashes));
        return true;
    }

    /// <summary>The number of hashes of the range [<paramref name="begin"/>, <paramref name="end"/>).</summary>
    public static int GetHashCount(long begin, long end)
    {
        (ulong rising, ulong falling) = Decompose(begin, end);
        return BitOperations.PopCount(rising) + BitOperations.PopCount(falling);
    }

    /// <summary>
    /// Writes the perfect subtrees of the range [<paramref name="begin"/>, <paramref name="end"/>), from left to right, and returns
    /// their number.
    /// </summary>
    public static int GetSubtrees(long begin, long end, Span<Subtree> destination)
    {
        (ulong rising, ulong falling) = Decompose(begin, end);
        int count = 0;
        for (; rising != 0; rising &= rising - 1)
        {
            Write(1L << BitOperations.TrailingZeroCount(rising), destination);
        }

        while (falling != 0)
        {
            long size = 1L << BitOperations.Log2(falling);
            Write(size, destination);
            falling ^= (ulong)size;
        }

        return count;

        void Write(long size, Span<Subtree> subtrees)
        {
            subtrees[count++] = new Subtree(begin, begin + size);
            begin += size;
        }
    }

    /// <summary>Appends the leaf hash of leaf <see cref="End"/>.</summary>
    public void Append(in MerkleHash leafHash) => AppendSubtree(leafHash, 0);

    /// <summary>Appends the leaf hashes of leaves from <see cref="End"/> on.</summary>
    public void Append(ReadOnlySpan<MerkleHash> leafHashes)
    {
        foreach (ref readonly MerkleHash leafHash in leafHashes)
        {
            AppendSubtree(leafHash, 0);
        }
    }

    /// <summary>Appends the range that begins where this one ends. False, and nothing changed, when it begins elsewhere.</summary>
    public bool TryMergeRight(CompactRange right)
    {
        ArgumentNullException.ThrowIfNull(right);
        if (right.Begin != End)
        {
            return false;
        }

        Span<Subtree> subtrees = stackalloc Subtree[HashCountMax];
        int count = GetSubtrees(right.Begin, right.End, subtrees);
        for (int i = 0; i < count; i++)
        {
            AppendSubtree(right._hashes[i], subtrees[i].Level);
        }

        return true;
    }

    /// <summary>The root of the tree of <see cref="End"/> leaves.</summary>
    /// <exception cref="InvalidOperationException">The range does not begin at leaf 0.</exception>
    public MerkleHash GetRootHash() =>
        Begin == 0
            ? TreeHasher.HashRightEdge(Hashes)
            : throw new InvalidOperationException("Only a range that begins at leaf 0 has a root.");

    /// <summary>Writes the hashes, 32 bytes each, and returns the number of bytes.</summary>
    public int WriteTo(Span<byte> destination)
    {
        ReadOnlySpan<byte> bytes = MerkleHash.AsBytes(Hashes);
        bytes.CopyTo(destination);
        return bytes.Length;
    }

    /// <summary>A copy that changes independently.</summary>
    public CompactRange Clone() => new(Begin, End, Hashes);

    // A subtree that is a right child merges with its left sibling if that lies within the range; then it is the last hash,
    // because the last hash is always the largest perfect subtree that ends here.
    private void AppendSubtree(MerkleHash hash, int level)
    {
        long end = checked(End + (1L << level));
        long begin = End;
        while (((begin >> level) & 1) == 1 && begin - (1L << level) >= Begin)
        {
            hash = TreeHasher.HashChildren(_hashes[^1], hash);
            _hashes.RemoveAt(_hashes.Count - 1);
            begin -= 1L << level;
            level++;
        }

        _hashes.Add(hash);
        End = end;
    }

    // The paths to leaves begin - 1 and end part at bit d. Below it the rising subtrees are the right siblings on the
    // path to begin - 1 (its zero bits), and the falling ones are the left siblings on the path to end (its one bits).
    private static (ulong Rising, ulong Falling) Decompose(long begin, long end)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(begin);
        ArgumentOutOfRangeException.ThrowIfLessThan(end, begin);
        if (begin == 0)
        {
            return (0, (ulong)end);
        }

        ulong beforeBegin = (ulong)begin - 1;
        ulong mask = (1UL << BitOperations.Log2(beforeBegin ^ (ulong)end)) - 1;
        return (~beforeBegin & mask, (ulong)end & mask);
    }
}
