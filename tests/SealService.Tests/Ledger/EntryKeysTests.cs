using SealService.Ledger;
using SealService.Ledger.Derived.Lookup;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class EntryKeysTests
{
    [Fact]
    public void Of_WhateverTheCodecReads_FindsTheSameKeys()
    {
        const int seed = 20261121;
        Random random = new(seed);
        int read = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = RandomEntry(random);
            if (random.Next(4) == 0)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }

            if (LogEntryCodec.TryRead(bytes, out LogEntry expected, out _))
            {
                read++;
                EntryKeys keys = EntryKeys.Of(bytes);
                bool isEqual = keys.Digest.SequenceEqual(expected.Digest) && keys.DocumentId.SequenceEqual(expected.DocumentId)
                    && keys.IdempotencyKeySha256.SequenceEqual(expected.IdempotencyKeySha256);
                Assert.True(isEqual, $"seed {seed}, entry {i}: {Convert.ToHexString(bytes)}");
            }
        }

        Assert.InRange(read, 15_000, 20_000); // most of them are entries
    }

    [Fact]
    public void Of_BytesThatAreNoEntry_ThrowsThatTheyAreDamagedOrFindsSomething()
    {
        Random random = new(11);
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = RandomEntry(random);
            bytes = bytes[..random.Next(bytes.Length)];
            for (int flips = random.Next(4); flips > 0 && bytes.Length > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                EntryKeys.Of(bytes);
            }
            catch (LedgerDamagedException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1, 20_000);
    }

    /// <summary>An entry as any encoder may write it: numbers and lengths longer than they need be, fields of later versions behind.</summary>
    private static byte[] RandomEntry(Random random)
    {
        List<byte> entry = [];
        AddNumber(1, (ulong)random.Next(1, 3));
        AddBytes(2, LogEntry.SaltBytes);
        AddNumber(3, (ulong)random.NextInt64(LogEntry.SealedAtUnixMsMax));
        AddNumber(4, 1);
        AddBytes(5, LogEntry.DigestBytes);
        if (random.Next(3) > 0)
        {
            AddNumber(6, random.Next(3) == 0 ? long.MaxValue : (ulong)random.Next());
        }

        if (random.Next(3) > 0)
        {
            AddBytes(7, random.Next(LogEntry.DocumentIdBytesMax + 1));
        }

        if (random.Next(3) > 0)
        {
            AddBytes(8, LogEntry.DigestBytes);
        }

        if (random.Next(3) > 0)
        {
            AddBytes(9, LogEntry.DigestBytes);
        }

        for (uint field = 10; random.Next(2) == 0; field += (uint)random.Next(20_000))
        {
            switch (random.Next(4))
            {
                case 0: AddNumber(field, (ulong)random.NextInt64()); break;
                case 1: AddBytes(field, random.Next(200)); break;
                case 2: AddFixed(field, 1, sizeof(ulong)); break;
                default: AddFixed(field, 5, sizeof(uint)); break;
            }
        }

        return [.. entry];

        void AddNumber(uint field, ulong value)
        {
            AddVarint(field << 3);
            AddVarint(value);
        }

        void AddBytes(uint field, int length)
        {
            AddVarint((field << 3) | 2);
            AddVarint((ulong)length);
            AddLetters(length);
        }

        void AddFixed(uint field, uint wireType, int length)
        {
            AddVarint((field << 3) | wireType);
            AddLetters(length);
        }

        void AddLetters(int length)
        {
            for (int i = 0; i < length; i++)
            {
                entry.Add((byte)random.Next('a', 'z')); // also UTF-8
            }
        }

        void AddVarint(ulong value)
        {
            int longer = random.Next(20) == 0 ? random.Next(1, 10) : 0;
            int begin = entry.Count;
            for (; value >= 0x80; value >>= 7)
            {
                entry.Add((byte)(value | 0x80));
            }

            entry.Add((byte)value);
            for (; longer > 0 && entry.Count - begin < 10; longer--)
            {
                entry[^1] |= 0x80;
                entry.Add(0);
            }
        }
    }
}
