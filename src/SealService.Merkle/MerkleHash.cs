using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>
/// A SHA-256 hash of the tree: 32 bytes inline, without padding, so that spans of bytes and spans of hashes are the
/// same memory (<see cref="Cast(ReadOnlySpan{byte})"/>, <see cref="AsBytes(ReadOnlySpan{MerkleHash})"/>).
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly struct MerkleHash : IEquatable<MerkleHash>
{
    /// <summary>The size of a hash in bytes.</summary>
    public const int Size = 32;

    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    /// <summary>Reads a hash from exactly 32 bytes.</summary>
    /// <exception cref="ArgumentException"><paramref name="source"/> has another length.</exception>
    public static MerkleHash Read(ReadOnlySpan<byte> source)
    {
        if (source.Length != Size)
        {
            throw new ArgumentException("A hash has 32 bytes.", nameof(source));
        }

        return MemoryMarshal.Read<MerkleHash>(source);
    }

    /// <summary>The same memory as hashes.</summary>
    /// <exception cref="ArgumentException">The length is not a multiple of 32.</exception>
    public static ReadOnlySpan<MerkleHash> Cast(ReadOnlySpan<byte> hashes)
    {
        ThrowIfRagged(hashes.Length);
        return MemoryMarshal.Cast<byte, MerkleHash>(hashes);
    }

    /// <inheritdoc cref="Cast(ReadOnlySpan{byte})"/>
    public static Span<MerkleHash> Cast(Span<byte> hashes)
    {
        ThrowIfRagged(hashes.Length);
        return MemoryMarshal.Cast<byte, MerkleHash>(hashes);
    }

    /// <summary>The same memory as bytes, 32 a hash.</summary>
    public static ReadOnlySpan<byte> AsBytes(ReadOnlySpan<MerkleHash> hashes) => MemoryMarshal.AsBytes(hashes);

    /// <inheritdoc cref="AsBytes(ReadOnlySpan{MerkleHash})"/>
    public static Span<byte> AsBytes(Span<MerkleHash> hashes) => MemoryMarshal.AsBytes(hashes);

    /// <summary>The 32 bytes where they lie.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> AsSpan() => MemoryMarshal.AsBytes(new ReadOnlySpan<MerkleHash>(in this));

    /// <summary>Copies the 32 bytes to the start of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<byte> destination) => AsSpan().CopyTo(destination);

    /// <summary>A new array of the 32 bytes.</summary>
    public byte[] ToArray() => AsSpan().ToArray();

    /// <summary>Lower-case hexadecimal.</summary>
    public override string ToString() => Convert.ToHexStringLower(AsSpan());

    /// <inheritdoc/>
    public bool Equals(MerkleHash other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is MerkleHash other && Equals(other);

    /// <summary>
    /// Seeded a process: hashes that callers choose, such as digests of theirs, must not fill one bucket of a dictionary.
    /// </summary>
    public override int GetHashCode() => HashCode.Combine(_a, _b, _c, _d);

    public static bool operator ==(MerkleHash left, MerkleHash right) => left.Equals(right);

    public static bool operator !=(MerkleHash left, MerkleHash right) => !left.Equals(right);

    private static void ThrowIfRagged(int length)
    {
        if (length % Size != 0)
        {
            throw new ArgumentException("Hashes have 32 bytes each.", nameof(length));
        }
    }
}
