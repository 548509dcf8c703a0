using System.Text;
using Google.Protobuf;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class LogEntryCodecTests
{
    private static readonly long[] Numbers =
        [0, 1, 127, 128, 16_383, 16_384, int.MaxValue, 1_790_000_000_000, LogEntry.SealedAtUnixMsMax, long.MaxValue];

    [Fact]
    public void Write_RandomValues_IsWhatProtobufWrites()
    {
        Random random = SeededRandom.Create();
        for (int run = 0; run < 5_000; run++)
        {
            LogEntry entry = RandomEntry(random);
            byte[] written = Write(entry);
            Assert.Equal(WriteByProtobuf(entry), written);
            Assert.InRange(written.Length, 0, LogEntryCodec.WrittenBytesMax);
        }
    }

    [Fact]
    public void Write_NumbersOfEveryLength_IsWhatProtobufWrites()
    {
        for (int bits = 0; bits < 64; bits++)
        {
            foreach (long number in new[] { (1L << bits) - 1, 1L << bits })
            {
                LogEntry entry = new() { SealedAtUnixMs = number, DocumentSizeBytes = number };
                byte[] expected = WriteByProtobuf(entry);
                Assert.Equal(expected.Length, LogEntryCodec.GetSize(entry));
                foreach (int room in new[] { 0, 1, LogEntryCodec.WrittenBytesMax })
                {
                    byte[] written = new byte[expected.Length + room];
                    Assert.Equal(expected.Length, LogEntryCodec.Write(entry, written));
                    Assert.Equal([.. expected, .. new byte[room]], written);
                }
            }
        }
    }

    [Fact]
    public void TryRead_WhatWasWritten_GivesTheSameValues()
    {
        Random random = SeededRandom.Create();
        for (int run = 0; run < 5_000; run++)
        {
            LogEntry entry = RandomEntry(random);
            byte[] bytes = Write(entry);
            Assert.True(LogEntryCodec.TryRead(bytes, out LogEntry read, out string? error), error);
            Assert.Equal(entry.Kind, read.Kind);
            Assert.Equal(entry.Salt, read.Salt);
            Assert.Equal(entry.SealedAtUnixMs, read.SealedAtUnixMs);
            Assert.Equal(entry.DigestAlgorithm, read.DigestAlgorithm);
            Assert.Equal(entry.Digest, read.Digest);
            Assert.Equal(entry.DocumentSizeBytes, read.DocumentSizeBytes);
            Assert.Equal(entry.DocumentId, read.DocumentId);
            Assert.Equal(entry.IdempotencyKeySha256, read.IdempotencyKeySha256);
            Assert.Equal(entry.MetadataCommitment, read.MetadataCommitment);
        }
    }

    [Fact]
    public void Write_LargestValues_FitsTheNamedMaximum()
    {
        byte[] bytes = Write(Entry(id: 128, commitments: 32) with { Size = long.MaxValue, SealedAt = LogEntry.SealedAtUnixMsMax });
        Assert.InRange(bytes.Length, LogEntryCodec.WrittenBytesMax - 5, LogEntryCodec.WrittenBytesMax);
    }

    [Fact]
    public void Write_ShortDestination_Throws()
    {
        Assert.Throws<ArgumentException>(() =>
        {
            LogEntry entry = Entry().View;
            LogEntryCodec.Write(entry, new byte[LogEntryCodec.GetSize(entry) - 1]);
        });
    }

    [Fact]
    public void TryRead_UnknownFieldsAfterTheKnown_ArePassedOver()
    {
        byte[] known = Write(Entry());
        byte[] unknown =
        [
            0x50, 0xff, 0xff, 0x01, // 10: varint
            0x59, 1, 2, 3, 4, 5, 6, 7, 8, // 11: 8 bytes
            0x62, 3, 1, 2, 3, // 12: bytes
            0x62, 0, // 12 again: repeated
            0x6d, 1, 2, 3, 4, // 13: 4 bytes
        ];
        Assert.True(LogEntryCodec.TryRead([.. known, .. unknown], out LogEntry entry, out string? error), error);
        Assert.Equal(Entry().Digest, entry.Digest);

        for (int length = 1; length < unknown.Length; length++)
        {
            bool endsWithAField = length is 4 or 13 or 18 or 20;
            Assert.Equal(endsWithAField, LogEntryCodec.TryRead([.. known, .. unknown[..length]], out _, out _));
        }
    }

    [Theory]
    [InlineData("0801")] // a known field again
    [InlineData("500160010801")] // a known field after unknown ones
    [InlineData("60015001")] // unknown ones out of order
    [InlineData("5b5c")] // a group
    [InlineData("56")] // wire type 6
    [InlineData("0000")] // field 0
    [InlineData("50ffffffffffffffffff02")] // a varint of more than 64 bits
    [InlineData("50ffffffffffffffffffff01")] // a varint of 11 bytes
    [InlineData("d28080808001")] // a tag of more than 32 bits
    [InlineData("52ffffffffffffffffff01")] // a length beyond any
    public void TryRead_MalformedAfterTheKnown_IsFalse(string hex) =>
        AssertUnreadable([.. Write(Entry()), .. Convert.FromHexString(hex)], "malformed");

    [Theory]
    [InlineData(0x0a)]
    [InlineData(0x10)]
    [InlineData(0x3d)]
    public void TryRead_KnownFieldOfAnotherWireType_IsFalse(byte tag) => AssertUnreadable([tag, 0x00], "malformed at byte 0");

    [Fact]
    public void TryRead_ValuesAtFault_NamesThem()
    {
        AssertUnreadable(Write(Entry() with { Kind = EntryKind.None }), "kind 0");
        AssertUnreadable(Write(Entry() with { Kind = (EntryKind)3 }), "kind 3");
        AssertUnreadable(Write(Entry() with { Salt = new byte[15] }), "salt has 15 bytes");
        AssertUnreadable(Write(Entry() with { Salt = [] }), "salt has 0 bytes");
        AssertUnreadable(Write(Entry() with { SealedAt = -1 }), "time");
        AssertUnreadable(Write(Entry() with { SealedAt = LogEntry.SealedAtUnixMsMax + 1 }), "time");
        AssertUnreadable(Write(Entry() with { Algorithm = DigestAlgorithm.None }), "algorithm 0");
        AssertUnreadable(Write(Entry() with { Algorithm = (DigestAlgorithm)2 }), "algorithm 2");
        AssertUnreadable(Write(Entry() with { Digest = new byte[31] }), "digest has 31 bytes");
        AssertUnreadable(Write(Entry() with { Size = -1 }), "size is negative");
        AssertUnreadable(Write(Entry(id: 129)), "document id has 129 bytes");
        AssertUnreadable(Write(Entry() with { DocumentId = [0xc3, 0x28] }), "not UTF-8");
        AssertUnreadable(Write(Entry() with { IdempotencyKey = new byte[31] }), "idempotency key hash has 31 bytes");
        AssertUnreadable(Write(Entry() with { Metadata = new byte[33] }), "metadata commitment has 33 bytes");
        AssertUnreadable([], "kind 0");
        AssertUnreadable(new byte[LogEntry.EntryBytesMax + 1], "more than 65535");
    }

    [Fact]
    public void TryRead_EveryShorterInput_IsFalseUnlessItEndsWithAField()
    {
        byte[] bytes = Write(Entry(commitments: 32));

        // Where the fields 5 to 8 end: what is left out after them may be left out.
        int[] entryEnds = [bytes.Length - 34 - 34 - 12 - 3, bytes.Length - 34 - 34 - 12, bytes.Length - 34 - 34, bytes.Length - 34];
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Equal(entryEnds.Contains(length), LogEntryCodec.TryRead(bytes.AsSpan(0, length), out _, out _));
        }
    }

    [Fact]
    public void TryRead_RandomBytes_NeverThrowsAndReadsOnlyEntriesWithoutFault()
    {
        Random random = SeededRandom.Create();
        for (int run = 0; run < 200_000; run++)
        {
            byte[] bytes = random.Next(2) == 0 ? random.NextBytes(random.Next(60)) : Write(RandomEntry(random));
            for (int change = random.Next(4); change > 0 && bytes.Length != 0; change--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            if (LogEntryCodec.TryRead(bytes.AsSpan(0, random.Next(bytes.Length + 1)), out LogEntry entry, out _))
            {
                Assert.Null(entry.FindFault());
            }
        }
    }

    private static void AssertUnreadable(byte[] bytes, string fragment)
    {
        Assert.False(LogEntryCodec.TryRead(bytes, out LogEntry entry, out string? error));
        Assert.Contains(fragment, error, StringComparison.Ordinal);
        Assert.True(entry.Digest.IsEmpty);
    }

    private static byte[] Write(EntryValues values) => Write(values.View);

    private static byte[] Write(in LogEntry entry)
    {
        var bytes = new byte[LogEntryCodec.GetSize(entry)];
        Assert.Equal(bytes.Length, LogEntryCodec.Write(entry, bytes));
        return bytes;
    }

    // The oracle: Google.Protobuf's own writer, as its generated code uses it.
    private static byte[] WriteByProtobuf(in LogEntry entry)
    {
        using var stream = new MemoryStream();
        using var output = new CodedOutputStream(stream);
        WriteNumber(1, (long)entry.Kind);
        WriteBytes(2, entry.Salt);
        WriteNumber(3, entry.SealedAtUnixMs);
        WriteNumber(4, (long)entry.DigestAlgorithm);
        WriteBytes(5, entry.Digest);
        WriteNumber(6, entry.DocumentSizeBytes);
        WriteBytes(7, entry.DocumentId);
        WriteBytes(8, entry.IdempotencyKeySha256);
        WriteBytes(9, entry.MetadataCommitment);
        output.Flush();
        return stream.ToArray();

        void WriteNumber(int field, long value)
        {
            if (value != 0)
            {
                output.WriteTag(field, WireFormat.WireType.Varint);
                output.WriteInt64(value);
            }
        }

        void WriteBytes(int field, ReadOnlySpan<byte> value)
        {
            if (!value.IsEmpty)
            {
                output.WriteTag(field, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(value));
            }
        }
    }

    private static LogEntry RandomEntry(Random random)
    {
        string id = new([.. Enumerable.Range(0, random.Next(43)).Select(_ => (char)random.Next(0x20, 0xd7ff))]);
        return new LogEntry
        {
            Kind = (EntryKind)random.Next(1, 3),
            Salt = random.NextBytes(16),
            SealedAtUnixMs = Math.Min(Numbers[random.Next(Numbers.Length)], LogEntry.SealedAtUnixMsMax),
            DigestAlgorithm = DigestAlgorithm.Sha256,
            Digest = random.NextBytes(32),
            DocumentSizeBytes = Numbers[random.Next(Numbers.Length)],
            DocumentId = random.Next(3) == 0 ? [] : Encoding.UTF8.GetBytes(id),
            IdempotencyKeySha256 = random.Next(2) == 0 ? [] : random.NextBytes(32),
            MetadataCommitment = random.Next(2) == 0 ? [] : random.NextBytes(32),
        };
    }

    private static EntryValues Entry(int id = 10, int commitments = 0) => new(
        EntryKind.Document, new byte[16], 1_790_000_000_000, DigestAlgorithm.Sha256, [.. Enumerable.Repeat((byte)7, 32)], 1_000,
        [.. Enumerable.Repeat((byte)'x', id)], new byte[commitments], new byte[commitments]);

    private sealed record EntryValues(
        EntryKind Kind,
        byte[] Salt,
        long SealedAt,
        DigestAlgorithm Algorithm,
        byte[] Digest,
        long Size,
        byte[] DocumentId,
        byte[] IdempotencyKey,
        byte[] Metadata)
    {
        public LogEntry View => new()
        {
            Kind = Kind,
            Salt = Salt,
            SealedAtUnixMs = SealedAt,
            DigestAlgorithm = Algorithm,
            Digest = Digest,
            DocumentSizeBytes = Size,
            DocumentId = DocumentId,
            IdempotencyKeySha256 = IdempotencyKey,
            MetadataCommitment = Metadata,
        };
    }
}
