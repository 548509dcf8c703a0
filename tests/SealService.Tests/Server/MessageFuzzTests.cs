extern alias server;

using System.Buffers;
using System.Diagnostics;
using Google.Protobuf;
using Seal.V1;
using server::SealService.Wire;
using Xunit;

namespace SealService.Tests.Server;

/// <summary>The server's in-place readers of requests, against <see cref="ReferenceProtobuf"/> and against Google's encoder.</summary>
public sealed class MessageFuzzTests
{
    private const int Rounds = 50_000;
    private const uint LengthDelimited = 2;

    [Fact]
    public void ProtobufReader_RandomMessages_AreReadLikeTheOracle()
    {
        var random = SeededRandom.Create();
        var valid = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var message = ReferenceProtobuf.RandomMessage(random);
            var expected = ReferenceProtobuf.TryRead(message, out var fields) ? fields : null;
            valid += expected is null ? 0 : 1;

            // Once with every value read, once with every value skipped.
            Assert.Equal(expected?.Select(Show), ReadAll(ReferenceProtobuf.InPieces(message, random))?.Select(Show));
            Assert.Equal(expected is not null, SkipAll(ReferenceProtobuf.InPieces(message, random)));
        }

        Assert.InRange(valid, Rounds / 10, Rounds * 9 / 10); // both outcomes are well covered

    }

    /// <summary>Nested messages are read where they lie: whichever byte of them a segment ends with, they are read, or refused, as in one piece.</summary>
    [Fact]
    public void SealDocumentsMessage_CutAnywhere_IsReadAsInOnePiece()
    {
        var header = new DocumentHeader
        {
            IdempotencyKey = "key",
            DocumentId = new string('d', 9),
            MetadataCommitment = ByteString.CopyFrom(SeededRandom.Create().NextBytes(32)),
        };
        var whole = new SealDocumentsRequest { Ref = 300_000, Whole = new WholeDocument { Header = header, Content = ByteString.CopyFrom(new byte[200]) } }.ToByteArray();
        byte[] message = [.. whole, (9 << 3) | 2, 1, 0, (10 << 3) | 0, 0x80, 1]; // and fields of a later version
        for (var length = 0; length <= message.Length; length++)
        {
            var part = message[..length];
            var expected = Read(new ReadOnlySequence<byte>(part));
            for (var cut = 0; cut <= length; cut++)
            {
                Assert.Equal(expected, Read(ReferenceProtobuf.InPieces(part, cut, cut, Math.Min(cut + 2, length))));
            }
        }

        Assert.Equal(Show(300_000, DocumentsPart.Whole, header.ToByteArray(), new byte[200]), Read(new ReadOnlySequence<byte>(message)));
    }

    /// <summary>A field costs the same wherever in the message it lies: a hostile one is many small fields in many segments.</summary>
    [Fact]
    public void ProtobufReader_ManyFieldsInManySegments_TakesTimeInProportion()
    {
        const int Fields = 400_000;
        byte[] field = [(1 << 3) | 2, 1, 0];
        var message = ReferenceProtobuf.InPieces([.. Enumerable.Repeat(field, Fields).SelectMany(f => f)], SeededRandom.Create());
        ProtobufReader.Open(message, out var reader);
        var read = Stopwatch.StartNew();
        for (var i = 0; i < Fields; i++)
        {
            Assert.True(reader.TryReadTag(out _) && reader.TryReadBytes(out var bytes) && bytes.Length == 1);
        }

        Assert.True(reader.AtEnd);
        Assert.True(read.Elapsed < TimeSpan.FromSeconds(10), $"took {read.Elapsed}"); // many times that, when each walks from the start
    }

    [Fact]
    public void PartReader_RandomMessages_AreReadLikeTheOracle()
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < Rounds; round++)
        {
            var message = ReferenceProtobuf.RandomMessage(random);
            var (wanted, refused) = random.Next(2) == 0 ? (1u, 2u) : (2u, 1u);

            var reads = PartReader.TryRead(ReferenceProtobuf.InPieces(message, random), wanted, refused, out var part);

            // Exactly one field of the wanted number, as bytes, and none of the refused one.
            var expected = ReferenceProtobuf.TryRead(message, out var fields)
                && fields.TrueForAll(f => f.Number != refused)
                && fields.Where(f => f.Number == wanted).ToList() is [{ WireType: LengthDelimited } only] ? only.Bytes : null;
            Assert.Equal(expected, reads ? part.ToArray() : null);
        }
    }

    [Fact]
    public void SealDocumentsMessage_RandomMessages_AreReadLikeTheOracle()
    {
        var random = SeededRandom.Create();
        var valid = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var message = ReferenceProtobuf.RandomMessage(random);
            var expected = Oracle(message);
            valid += expected is null ? 0 : 1;

            Assert.Equal(expected, Read(ReferenceProtobuf.InPieces(message, random)));
        }

        Assert.True(valid > Rounds / 20, $"only {valid} messages were valid");

        static string? Oracle(byte[] message)
        {
            if (!ReferenceProtobuf.TryRead(message, out var fields)
                || fields.Where(f => f is { WireType: LengthDelimited, Number: >= 2 and <= 7 }).ToList() is not [var part])
            {
                return null;
            }

            var reference = fields.LastOrDefault(f => f is { Number: 1, WireType: 0 })?.Value ?? 0;
            var (header, content) = ((byte[])[], (byte[])[]);
            switch ((DocumentsPart)part.Number)
            {
                case DocumentsPart.Whole:
                    return ReferenceProtobuf.TryRead(part.Bytes, out var inner) && TryTakeOnce(inner, 1, out header) && TryTakeOnce(inner, 2, out content)
                        ? Show(reference, DocumentsPart.Whole, header, content)
                        : null;
                case DocumentsPart.Chunk:
                    return Show(reference, DocumentsPart.Chunk, [], part.Bytes);
                default:
                    return Show(reference, (DocumentsPart)part.Number, part.Bytes, []);
            }
        }

        // Empty ones may come before.
        static bool TryTakeOnce(List<WireField> fields, uint number, out byte[] bytes)
        {
            var values = fields.Where(f => f.Number == number && f.WireType == LengthDelimited).Select(f => f.Bytes).ToList();
            bytes = values.Count > 0 ? values[^1] : [];
            return values.SkipLast(1).All(v => v.Length == 0);
        }
    }

    [Fact]
    public void SealDocumentsMessage_OfGooglesEncoder_IsReadAsItWasWritten()
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < Rounds; round++)
        {
            var content = random.NextBytes(random.Next(300));
            var header = new DocumentHeader { DocumentId = new string('d', random.Next(200)), IdempotencyKey = $"{random.Next()}" };
            var request = new SealDocumentsRequest { Ref = (ulong)random.NextInt64() >> random.Next(64) };
            var expected = "";
            switch (random.Next(4))
            {
                case 0:
                    request.Whole = new WholeDocument { Header = header, Content = ByteString.CopyFrom(content) };
                    expected = Show(request.Ref, DocumentsPart.Whole, header.ToByteArray(), content);
                    break;
                case 1:
                    request.Begin = header;
                    expected = Show(request.Ref, DocumentsPart.Begin, header.ToByteArray(), []);
                    break;
                case 2:
                    request.Chunk = ByteString.CopyFrom(content);
                    expected = Show(request.Ref, DocumentsPart.Chunk, [], content);
                    break;
                default:
                    request.End = new EndOfDocument();
                    expected = Show(request.Ref, DocumentsPart.End, [], []);
                    break;
            }

            Assert.Equal(expected, Read(ReferenceProtobuf.InPieces(request.ToByteArray(), random)));
        }
    }

    private static string Show(ulong reference, DocumentsPart part, ReadOnlySpan<byte> header, ReadOnlySpan<byte> content) =>
        ShowRead(reference, part, ReferenceProtobuf.TryRead(header.ToArray(), out var fields) ? fields : null, content);

    private static string ShowRead(ulong reference, DocumentsPart part, List<WireField>? header, ReadOnlySpan<byte> content) =>
        $"{reference} {part} {(header is null ? "malformed" : string.Join(' ', header.Select(Show)))} {Convert.ToHexString(content)}";

    private static string Show(WireField field) => $"{field.Number}:{field.WireType} {field.Value} {Convert.ToHexString(field.Bytes)}";

    private static string? Read(ReadOnlySequence<byte> bytes) => SealDocumentsMessage.TryRead(bytes, out var message)
        ? ShowRead(message.Reference, message.Part, ReadAll(message.Header), message.Content.ToArray())
        : null;

    private static List<WireField>? ReadAll(ReadOnlySequence<byte> message)
    {
        ProtobufReader.Open(message, out var reader);
        return ReadAll(reader);
    }

    private static List<WireField>? ReadAll(ProtobufReader reader)
    {
        var fields = new List<WireField>();
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                return null;
            }

            ulong value = 0;
            ReadOnlySequence<byte> bytes = default;
            var read = (tag & 7) switch
            {
                ProtobufReader.Varint => reader.TryReadVarint(out value),
                ProtobufReader.LengthDelimited => reader.TryReadBytes(out bytes),
                _ => reader.TrySkip(tag),
            };
            if (!read)
            {
                return null;
            }

            fields.Add(new WireField(tag >> 3, tag & 7, value, bytes.ToArray()));
        }

        return fields;
    }

    private static bool SkipAll(ReadOnlySequence<byte> message)
    {
        ProtobufReader.Open(message, out var reader);
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag) || !reader.TrySkip(tag))
            {
                return false;
            }
        }

        return true;
    }
}
