extern alias server;

using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Seal.V1;
using server::SealService.Wire;
using Xunit;

namespace SealService.Tests.Server;

/// <summary>What a caller says about a document, read wherever the header's segments end.</summary>
public sealed class DocumentFieldsTests
{
    private static readonly ByteString Commitment = ByteString.CopyFrom([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);
    private static readonly ByteString Digest = ByteString.CopyFrom([.. Enumerable.Range(101, 32).Select(i => (byte)i)]);

    [Fact]
    public void TryRead_HeaderCutAnywhere_ReadsEveryField()
    {
        var header = new DocumentHeader
        {
            IdempotencyKey = new string('k', DocumentFields.IdBytesMax),
            DocumentId = new string('d', DocumentFields.IdBytesMax),
            MetadataCommitment = Commitment,
            ExpectedSha256 = Digest,
        };
        var bytes = header.ToByteArray();
        var fields = new DocumentFields();
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            Assert.Null(Read(fields, ReferenceProtobuf.InPieces(bytes, cut, Math.Min(cut + 20, bytes.Length))));

            Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(header.IdempotencyKey)), fields.IdempotencyKeySha256);
            Assert.Equal(header.DocumentId, Encoding.UTF8.GetString(fields.DocumentId));
            Assert.Equal(Commitment.Span, fields.MetadataCommitment);
            Assert.Equal(Digest.Span, fields.ExpectedSha256);
        }
    }

    [Fact]
    public void TryRead_HeaderThatEndsEarly_IsMalformedOrLacksTheLastFields()
    {
        var bytes = new DocumentHeader { DocumentId = "document", MetadataCommitment = Commitment }.ToByteArray();
        var fields = new DocumentFields();
        for (var length = 0; length < bytes.Length; length++)
        {
            for (var cut = 0; cut <= length; cut++)
            {
                var error = Read(fields, ReferenceProtobuf.InPieces(bytes[..length], cut));

                Assert.Equal(length is 0 or 10 ? null : "header is not valid protobuf.", error); // 10: the document id alone
                Assert.True(fields.MetadataCommitment.IsEmpty);
            }
        }
    }

    [Theory]
    [InlineData(1, 129, "idempotency_key is longer than 128 bytes.")]
    [InlineData(1, 100_000, "idempotency_key is longer than 128 bytes.")]
    [InlineData(2, 129, "document_id is longer than 128 bytes.")]
    [InlineData(2, 100_000, "document_id is longer than 128 bytes.")]
    [InlineData(3, 31, "metadata_commitment must be 32 bytes or empty.")]
    [InlineData(3, 33, "metadata_commitment must be 32 bytes or empty.")]
    [InlineData(3, 100_000, "metadata_commitment must be 32 bytes or empty.")]
    [InlineData(4, 31, "expected_sha256 must be 32 bytes or empty.")]
    [InlineData(4, 33, "expected_sha256 must be 32 bytes or empty.")]
    public void TryRead_ValueOfAWrongLength_IsRefused(int field, int length, string expected)
    {
        var header = OneField(field, new byte[length]);
        var fields = new DocumentFields();

        Assert.Equal(expected, Read(fields, new ReadOnlySequence<byte>(header)));
        for (var cut = 0; cut <= Math.Min(40, header.Length); cut++)
        {
            Assert.Equal(expected, Read(fields, ReferenceProtobuf.InPieces(header, cut, cut, Math.Min(cut + 10, header.Length))));
        }
    }

    [Theory]
    [InlineData(1, "idempotency_key is not valid UTF-8.")]
    [InlineData(2, "document_id is not valid UTF-8.")]
    public void TryRead_TextThatIsNotUtf8_IsRefused(int field, string expected)
    {
        var header = OneField(field, [0x61, 0xC3]);

        Assert.Equal(expected, Read(new DocumentFields(), new ReadOnlySequence<byte>(header)));
        Assert.Equal(expected, Read(new DocumentFields(), ReferenceProtobuf.InPieces(header, header.Length - 1)));
    }

    [Fact]
    public void TryRead_HashGivenTwice_TheLastCountsEvenIfEmpty()
    {
        var fields = new DocumentFields();
        byte[] twice = [.. OneField(3, Digest.ToByteArray()), .. OneField(3, Commitment.ToByteArray()), .. OneField(4, Digest.ToByteArray()), .. OneField(4, [])];

        Assert.Null(Read(fields, new ReadOnlySequence<byte>(twice)));

        Assert.Equal(Commitment.Span, fields.MetadataCommitment);
        Assert.True(fields.ExpectedSha256.IsEmpty);
    }

    [Fact]
    public void Reset_AfterAFullHeader_LeavesNothing()
    {
        var fields = new DocumentFields();
        var header = new DocumentHeader { IdempotencyKey = "key", DocumentId = "document", MetadataCommitment = Commitment, ExpectedSha256 = Digest };
        Assert.Null(Read(fields, new ReadOnlySequence<byte>(header.ToByteArray())));
        Assert.False(fields.IdempotencyKeySha256.IsEmpty || fields.DocumentId.IsEmpty || fields.MetadataCommitment.IsEmpty || fields.ExpectedSha256.IsEmpty);

        fields.Reset();

        Assert.True(fields.IdempotencyKeySha256.IsEmpty && fields.DocumentId.IsEmpty && fields.MetadataCommitment.IsEmpty && fields.ExpectedSha256.IsEmpty);
    }

    // Null, or what is wrong.
    private static string? Read(DocumentFields fields, in ReadOnlySequence<byte> header)
    {
        fields.Reset();
        ProtobufReader.Open(header, out var reader);
        return fields.TryRead(reader, out var error) ? null : error.Message;
    }

    private static byte[] OneField(int number, byte[] value)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream))
        {
            output.WriteTag(number, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(value));
        }

        return stream.ToArray();
    }
}
