using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SealService.Ledger.Storage;

/// <summary>CRC-32C (RFC 3720 appendix B.4), by the processor's instruction where it has one.</summary>
/// <remarks>
/// The instruction answers after three cycles and can be begun in each, so three runs of bytes are taken in side by side: twice
/// as fast for the entries that are hashed together (<c>ChecksumBenchmarks</c>). A checksum moves over the n bytes behind it by a multiplication with
/// x^8n modulo the polynomial; see Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction" (Intel, 2011).
/// </remarks>
internal static class Crc32C
{
    private const int RunBytes = 128;
    private const int Runs = 3;

    // The product of two reflected polynomials of 32 bits, taken in as 64 bits, has been multiplied by x^33 too often.
    private const int ProductExcess = 33;

    private static readonly uint OverOneRun = PowerOfX((8 * RunBytes) - ProductExcess);
    private static readonly uint OverTwoRuns = PowerOfX((8 * 2 * RunBytes) - ProductExcess);

    /// <summary>The checksum of bytes.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>The checksum of what <paramref name="checksum"/> is of, followed by more bytes; 0 is that of no bytes.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        uint crc = ~checksum;
        if (Sse42.X64.IsSupported && Pclmulqdq.IsSupported)
        {
            while (bytes.Length >= Runs * RunBytes)
            {
                crc = AppendRuns(crc, in MemoryMarshal.GetReference(bytes));
                bytes = bytes[(Runs * RunBytes)..];
            }
        }

        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        }

        foreach (byte b in bytes[(bytes.Length & ~7)..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }

    private static uint AppendRuns(uint crc, ref readonly byte bytes)
    {
        ulong first = crc, second = 0, third = 0;
        for (nuint at = 0; at < RunBytes; at += sizeof(ulong))
        {
            first = Sse42.X64.Crc32(first, ReadWord(in bytes, at));
            second = Sse42.X64.Crc32(second, ReadWord(in bytes, RunBytes + at));
            third = Sse42.X64.Crc32(third, ReadWord(in bytes, (2 * RunBytes) + at));
        }

        ulong moved = Multiply(first, OverTwoRuns) ^ Multiply(second, OverOneRun);
        return (uint)(third ^ Sse42.X64.Crc32(0, moved));
    }

    private static ulong ReadWord(ref readonly byte bytes, nuint at) =>
        Unsafe.ReadUnaligned<ulong>(in Unsafe.AddByteOffset(ref Unsafe.AsRef(in bytes), at));

    private static ulong Multiply(ulong left, uint right) =>
        Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(left), Vector128.CreateScalar((ulong)right), 0).ToScalar();

    // x^n modulo the polynomial, reflected: the highest bit is x^0.
    private static uint PowerOfX(int n)
    {
        const uint polynomial = 0x82F63B78;
        uint power = 0x80000000;
        for (; n > 0; n--)
        {
            power = (power >> 1) ^ ((power & 1) * polynomial);
        }

        return power;
    }
}
