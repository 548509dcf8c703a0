using System.Text;
using SealService.Ledger.Storage;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class RecordCodecTests
{
    // RFC 3720 appendix B.4, and the check value of CRC-32C.
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", 0x8a9136aau)]
    [InlineData("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0x62a8ab43u)]
    [InlineData("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0x46dd794eu)]
    [InlineData("313233343536373839", 0xe3069283u)]
    public void Crc32C_PublishedVectors_Match(string hex, uint expected) =>
        Assert.Equal(expected, Crc32C.Compute(Convert.FromHexString(hex)));

    [Fact]
    public void Crc32C_InPieces_IsThatOfTheWhole()
    {
        byte[] bytes = Pattern(1000);
        for (int first = 0; first <= bytes.Length; first++)
        {
            uint checksum = Crc32C.Append(Crc32C.Append(0, bytes.AsSpan(..first)), bytes.AsSpan(first..));
            Assert.Equal(Crc32C.Compute(bytes), checksum);
        }
    }

    [Fact]
    public void Crc32C_AnyLength_IsThatOfTheDefinition()
    {
        byte[] bytes = Pattern(2000);
        uint expected = uint.MaxValue;
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Equal(~expected, Crc32C.Compute(bytes.AsSpan(..length)));
            expected ^= bytes[length];
            for (int bit = 0; bit < 8; bit++)
            {
                expected = (expected >> 1) ^ ((expected & 1) * 0x82F63B78u);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(300)]
    public void TryRead_WhatCompleteWrote_GivesItBack(int count)
    {
        byte[] record = Make(12345, count);
        Assert.True(RecordCodec.TryRead(record, out LedgerRecord read, out string? error), error);
        Assert.Equal((12345, count), (read.FirstIndex, read.Count));
        Assert.Equal("checkpoint", Encoding.ASCII.GetString(read.Checkpoint.Span));
        ReadOnlySpan<byte> entries = read.Entries.Span;
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(Entry(i), RecordCodec.TakeEntry(ref entries).ToArray());
        }

        Assert.True(entries.IsEmpty);
    }

    [Fact]
    public void TryRead_AnyBitFlippedOrLengthChanged_IsRefused()
    {
        byte[] record = Make(7, 3);
        for (int bit = 0; bit < record.Length * 8; bit++)
        {
            record[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(RecordCodec.TryRead(record, out _, out string? error));
            Assert.NotNull(error);
            record[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        for (int length = 0; length < record.Length; length++)
        {
            Assert.False(RecordCodec.TryRead(record.AsMemory(0, length), out _, out _));
        }

        Assert.False(RecordCodec.TryRead((byte[])[.. record, 0], out _, out _));
        Assert.True(RecordCodec.TryRead(record, out _, out _));
    }

    [Fact]
    public void TryRead_HostileHeaderWithRightChecksum_IsRefused()
    {
        const int seed = 4711;
        Random random = new(seed);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] record = Make(7, 3);
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                record[random.Next(4, record.Length - 4)] = (byte)random.Next(256);
            }

            uint crc = Crc32C.Compute(record.AsSpan(..^4));
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(record.AsSpan(^4..), crc);
            if (RecordCodec.TryRead(record, out LedgerRecord read, out _))
            {
                ReadOnlySpan<byte> entries = read.Entries.Span;
                for (int entry = 0; entry < read.Count; entry++)
                {
                    RecordCodec.TakeEntry(ref entries);
                }

                Assert.True(entries.IsEmpty, $"seed {seed}, round {i}");
            }
        }
    }

    private static byte[] Pattern(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)((i * 37) ^ (i >> 3)))];

    private static byte[] Make(long firstIndex, int count)
    {
        byte[] buffer = new byte[100_000];
        int at = RecordCodec.HeaderBytes;
        for (int i = 0; i < count; i++)
        {
            byte[] entry = Entry(i);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(at), (ushort)entry.Length);
            entry.CopyTo(buffer.AsSpan(at + 2));
            at += 2 + entry.Length;
        }

        return buffer[..RecordCodec.Complete(buffer, firstIndex, count, at - RecordCodec.HeaderBytes, "checkpoint"u8)];
    }

    private static byte[] Entry(int number) => [.. Enumerable.Range(number, number % 50).Select(value => (byte)value)];
}
