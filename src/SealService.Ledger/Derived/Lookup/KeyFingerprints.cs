using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// Fingerprints of keys, by strongly universal multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", The
/// Computer Journal 57 (11), 2014) with words of 64 bits and sums of 128.
/// </summary>
/// <remarks>
/// Callers choose keys, digests too, and could give as many as they like one fingerprint if they knew how it is made. The factors are
/// random, are kept beside the runs, and no fingerprint leaves the service: for any two keys the chance is 2^-64, whoever chose them.
/// The file <c>fingerprints</c>: the factors, 16 bytes each, in the machine's byte order as the runs are, and their CRC-32C.
/// </remarks>
internal sealed class KeyFingerprints
{
    public const int KeyBytesMax = LogEntry.DocumentIdBytesMax;

    private const string FileName = "fingerprints";
    private const int Words = 1 + (KeyBytesMax / sizeof(ulong)); // one for kind and length, which tells keys apart that differ in trailing zeros
    private const int FactorsBytes = (Words + 1) * 2 * sizeof(ulong);

    private readonly Factor[] _factors;

    private KeyFingerprints(ReadOnlySpan<byte> factors) => _factors = MemoryMarshal.Cast<byte, Factor>(factors).ToArray();

    /// <summary>Makes the file of a new index.</summary>
    public static KeyFingerprints Create(string folder)
    {
        byte[] file = new byte[FactorsBytes + sizeof(uint)];
        Span<byte> factors = file.AsSpan(0, FactorsBytes);
        RandomNumberGenerator.Fill(factors);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(FactorsBytes), Crc32C.Compute(factors));
        Fsync.Replace(Path.Combine(folder, FileName), file);
        return new KeyFingerprints(factors);
    }

    /// <summary>Those of an index that has runs.</summary>
    /// <exception cref="DerivedDataException">The file is missing or damaged: nothing in the runs can be found.</exception>
    public static KeyFingerprints Open(string folder)
    {
        string path = Path.Combine(folder, FileName);
        byte[] file = File.Exists(path) ? File.ReadAllBytes(path) : throw new DerivedDataException($"{path} is missing");
        return file.Length == FactorsBytes + sizeof(uint)
            && BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(FactorsBytes)) == Crc32C.Compute(file.AsSpan(0, FactorsBytes))
            ? new KeyFingerprints(file.AsSpan(0, FactorsBytes))
            : throw new DerivedDataException($"{path} is damaged");
    }

    /// <summary>The fingerprint of a key of at most <see cref="KeyBytesMax"/> bytes; spread evenly over all 64 bits.</summary>
    public ulong Of(LookupKind kind, ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, KeyBytesMax, nameof(key));
        Sum sum = new(_factors[0]);
        sum.Add(_factors[1], ((ulong)kind << 32) | (uint)key.Length);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(key);
        ReadOnlySpan<Factor> factors = _factors.AsSpan(2);
        for (int i = 0; i < words.Length && i < factors.Length; i++)
        {
            sum.Add(factors[i], BitConverter.IsLittleEndian ? words[i] : BinaryPrimitives.ReverseEndianness(words[i]));
        }

        if (key.Length % sizeof(ulong) != 0)
        {
            sum.Add(factors[words.Length], ReadLast(key[(words.Length * sizeof(ulong))..]));
        }

        return sum.High;
    }

    // Apart, because a method with memory on its stack clears that first, and most keys are 32 bytes.
    private static ulong ReadLast(ReadOnlySpan<byte> bytes)
    {
        Span<byte> word = stackalloc byte[sizeof(ulong)];
        word.Clear();
        bytes.CopyTo(word);
        return BinaryPrimitives.ReadUInt64LittleEndian(word);
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Factor(ulong Low, ulong High);

    /// <summary>A sum modulo 2^128.</summary>
    [StructLayout(LayoutKind.Auto)]
    private struct Sum(Factor first)
    {
        private ulong _low = first.Low;

        public ulong High { get; private set; } = first.High;

        public void Add(in Factor factor, ulong word)
        {
            ulong high = Math.BigMul(factor.Low, word, out ulong low) + (factor.High * word);
            _low += low;
            High += high + (_low < low ? 1UL : 0);
        }
    }
}
