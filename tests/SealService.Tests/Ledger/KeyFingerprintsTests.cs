using System.Numerics;
using SealService.Ledger;
using SealService.Ledger.Derived;
using SealService.Ledger.Derived.Lookup;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class KeyFingerprintsTests
{
    [Fact]
    public void Of_AnyKey_IsTheSumThatTheFactorsMake()
    {
        const int seed = 20261121;
        Random random = new(seed);
        using TemporaryFolder folder = new();
        KeyFingerprints fingerprints = KeyFingerprints.Create(folder.Path);
        byte[] factors = File.ReadAllBytes(folder["fingerprints"]);
        for (int length = 0; length <= KeyFingerprints.KeyBytesMax; length++)
        {
            byte[] key = new byte[length];
            random.NextBytes(key);
            LookupKind kind = (LookupKind)random.Next(1, 4);
            Assert.Equal(SlowFingerprint(factors, kind, key), fingerprints.Of(kind, key));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => fingerprints.Of(LookupKind.DocumentId, new byte[KeyFingerprints.KeyBytesMax + 1]));
    }

    [Fact]
    public void Of_KeysThatDifferInKindLengthOrABit_Differ()
    {
        using TemporaryFolder folder = new();
        KeyFingerprints fingerprints = KeyFingerprints.Create(folder.Path);
        HashSet<ulong> seen = [];
        for (int length = 0; length <= KeyFingerprints.KeyBytesMax; length++)
        {
            Assert.True(seen.Add(fingerprints.Of(LookupKind.DocumentId, new byte[length])), $"zeros, length {length}");
            Assert.True(seen.Add(fingerprints.Of(LookupKind.Digest, new byte[length])), $"zeros of another kind, length {length}");
        }

        for (int bit = 0; bit < 8 * 32; bit++)
        {
            byte[] key = new byte[32];
            key[bit / 8] = (byte)(1 << (bit % 8));
            Assert.True(seen.Add(fingerprints.Of(LookupKind.Digest, key)), $"bit {bit}");
        }
    }

    [Fact]
    public void Of_TwoIndexes_IsNotTheSame()
    {
        using TemporaryFolder first = new();
        using TemporaryFolder second = new();
        KeyFingerprints created = KeyFingerprints.Create(first.Path);
        ulong fingerprint = created.Of(LookupKind.Digest, new byte[32]);
        Assert.Equal(fingerprint, KeyFingerprints.Open(first.Path).Of(LookupKind.Digest, new byte[32]));
        Assert.NotEqual(fingerprint, KeyFingerprints.Create(second.Path).Of(LookupKind.Digest, new byte[32]));
    }

    [Fact]
    public void Open_FileMissingOrDamaged_IsRefused()
    {
        using TemporaryFolder folder = new();
        Assert.Throws<DerivedDataException>(() => KeyFingerprints.Open(folder.Path));
        KeyFingerprints.Create(folder.Path);
        byte[] sound = File.ReadAllBytes(folder["fingerprints"]);
        for (int i = 0; i < sound.Length; i += 13)
        {
            byte[] damaged = [.. sound];
            damaged[i] ^= 0x10;
            File.WriteAllBytes(folder["fingerprints"], damaged);
            Assert.Throws<DerivedDataException>(() => KeyFingerprints.Open(folder.Path));
        }

        File.WriteAllBytes(folder["fingerprints"], sound[..^1]);
        Assert.Throws<DerivedDataException>(() => KeyFingerprints.Open(folder.Path));
    }

    // (m0 + m1 (kind 2^32 + length) + m2 w0 + m3 w1 + ...) mod 2^128 div 2^64
    private static ulong SlowFingerprint(byte[] factors, LookupKind kind, byte[] key)
    {
        byte[] padded = new byte[(key.Length + 7) / 8 * 8];
        key.CopyTo(padded, 0);
        BigInteger sum = Factor(0) + (Factor(1) * (((ulong)kind << 32) + (ulong)key.Length));
        for (int word = 0; word < padded.Length / 8; word++)
        {
            sum += Factor(word + 2) * BitConverter.ToUInt64(padded, word * 8);
        }

        return (ulong)((sum >> 64) & ulong.MaxValue);

        BigInteger Factor(int number) => new(factors.AsSpan(number * 16, 16), isUnsigned: true);
    }
}
