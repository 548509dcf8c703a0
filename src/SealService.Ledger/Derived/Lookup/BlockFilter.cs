using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// The split block Bloom filter of Apache Parquet: a key sets one bit in each of the eight 32-bit words of one block, so that
/// asking touches one cache line. At ten bits a key about one absent key in a hundred seems to be there.
/// </summary>
internal static class BlockFilter
{
    public const int BlockBytes = 32;
    private const int BitsPerKey = 10;

    private static readonly Vector256<uint> Salts = Vector256.Create(
        0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du, 0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u);

    public static long BlocksFor(long keys) => Math.Max(1, ((keys * BitsPerKey) + (8 * BlockBytes) - 1) / (8 * BlockBytes));

    /// <summary>The block of a key. It grows with the fingerprint, so keys in order fill the blocks in order.</summary>
    public static long BlockOf(ulong fingerprint, long blocks) => (long)Math.BigMul(fingerprint, (ulong)blocks, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> MaskOf(ulong fingerprint)
    {
        // The top 5 bits of each product choose the word's bit. The low half of the fingerprint: the high half chose the block.
        Vector256<uint> bits = (Vector256.Create((uint)fingerprint) * Salts) >>> 27;
        return Vector256.ShiftLeft(Vector256<uint>.One, bits);
    }

    public static bool MayContain(Vector256<uint> block, ulong fingerprint)
    {
        Vector256<uint> mask = MaskOf(fingerprint);
        return (block & mask) == mask;
    }
}
