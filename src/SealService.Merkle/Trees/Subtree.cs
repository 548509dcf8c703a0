using System.Numerics;
using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>
/// The subtree over the leaves [<paramref name="Begin"/>, <paramref name="End"/>). It is either perfect (2^level leaves, beginning at
/// a multiple of 2^level) or it lies on the right edge of its tree (begins at a multiple of the next power of two and ends
/// where the tree ends).
/// </summary>
/// <param name="Begin">The index of its first leaf.</param>
/// <param name="End">The index after its last leaf.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct Subtree(long Begin, long End)
{
    /// <summary>The number of its leaves.</summary>
    public long Size => End - Begin;

    /// <summary>Whether it is perfect, so that its root hash never changes when the tree grows.</summary>
    public bool IsPerfect => BitOperations.IsPow2(Size) && (Begin & (Size - 1)) == 0;

    /// <summary>The height of its root over the leaves: for a perfect subtree log₂ of its size.</summary>
    public int Level => BitOperations.Log2((ulong)(Size - 1) << 1 | 1);

    /// <summary>The number of the root of the subtree among the nodes of its level, from 0.</summary>
    public long IndexInLevel => Begin >> Level;
}
