using System.Buffers.Binary;
using System.Runtime.InteropServices;
using SealService.Merkle;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// A key's fingerprint and the ledger index of an entry that has the key. Two keys may share a fingerprint, so an entry that
/// is found by one is read and compared. As it lies in a sorted run: 16 bytes, in the machine's byte order.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct KeyPosition(ulong Fingerprint, long Index) : IComparable<KeyPosition>
{
    private const int KeyBytesMax = 256;

    /// <summary>
    /// The first 8 bytes of SHA-256(kind || key). Hashed even where the key is a digest: callers choose those, and could
    /// give as many as they like one beginning.
    /// </summary>
    public static ulong FingerprintOf(LookupKind kind, ReadOnlySpan<byte> key)
    {
        Span<byte> input = stackalloc byte[1 + KeyBytesMax];
        input[0] = (byte)kind;
        key.CopyTo(input[1..]);
        return FingerprintOf(Sha256.HashData(input[..(1 + key.Length)]));
    }

    /// <summary>The fingerprint of the key with this SHA-256(kind || key).</summary>
    public static ulong FingerprintOf(in MerkleHash hash) => BinaryPrimitives.ReadUInt64BigEndian(hash.AsSpan());

    public static bool operator <(KeyPosition left, KeyPosition right) => left.CompareTo(right) < 0;

    public static bool operator >(KeyPosition left, KeyPosition right) => left.CompareTo(right) > 0;

    public static bool operator <=(KeyPosition left, KeyPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >=(KeyPosition left, KeyPosition right) => left.CompareTo(right) >= 0;

    public int CompareTo(KeyPosition other)
    {
        int order = Fingerprint.CompareTo(other.Fingerprint);
        return order != 0 ? order : Index.CompareTo(other.Index);
    }
}
