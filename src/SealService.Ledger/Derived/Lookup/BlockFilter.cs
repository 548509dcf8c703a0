using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// The split block Bloom filter of Apache Parquet: a key sets one bit in each of the eight 32-bit words of one block, so that
/// asking touches one cache line. At ten bits a key about one absent key in a hundred seems to be there.
/// </summary>
internal static class BlockFilter
{
    public const int BlockWords = 8;
    public const int BlockBytes = BlockWords * sizeof(uint);
    private const int BitsPerKey = 10;

    // The constants of the Parquet format's specification.
    private static ReadOnlySpan<uint> Salts =>
        [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31];

    public static long BlocksFor(long keys) => Math.Max(1, ((keys * BitsPerKey) + (8 * BlockBytes) - 1) / (8 * BlockBytes));

    /// <summary>The block of a key. It grows with the fingerprint, so keys in order fill the blocks in order.</summary>
    public static long BlockOf(ulong fingerprint, long blocks) => (long)Math.BigMul(fingerprint, (ulong)blocks, out _);

    public static void Add(Span<uint> block, ulong fingerprint)
    {
        if (Avx2.IsSupported)
        {
            Vector256<uint> bits = Vector256.ShiftRightLogical(Vector256.Create((uint)fingerprint) * Vector256.Create(Salts), 27);
            (Vector256.Create(block) | Avx2.ShiftLeftLogicalVariable(Vector256<uint>.One, bits)).CopyTo(block);
            return;
        }

        for (int word = 0; word < BlockWords; word++)
        {
            block[word] |= BitOf(word, fingerprint);
        }
    }

    public static bool MayContain(ReadOnlySpan<uint> block, ulong fingerprint)
    {
        for (int word = 0; word < BlockWords; word++)
        {
            if ((block[word] & BitOf(word, fingerprint)) == 0)
            {
                return false;
            }
        }

        return true;
    }

    // The top 5 bits of the product. Of the fingerprint it is the low half: the high half chose the block.
    private static uint BitOf(int word, ulong fingerprint) => 1u << (int)(((uint)fingerprint * Salts[word]) >> 27);
}
