extern alias server;
using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using Seal.V1;
using server::SealService.Wire;
using Xunit;

namespace SealService.Tests.Server;

/// <summary>A ledger's name that can't be read must be refused: skipped, its document would go to the default ledger.</summary>
public sealed class LedgerNameTests
{
    private const int NameBytesMax = 128;

    // Length of the name, and of the idempotency key behind it: read as a tag's value, the key's field would be skipped just so.
    [Theory]
    [InlineData(NameBytesMax + 1, 15)]
    [InlineData(NameBytesMax + 1, 1)]
    [InlineData(10_000, 15)]
    public void DocumentHeader_NameIsTooLong_IsRefused(int nameLength, int keyLength)
    {
        var header = new SealDocumentHeader { Ledger = new string('x', nameLength), Document = new DocumentHeader { IdempotencyKey = new string('k', keyLength) } };
        Assert.Contains("header.ledger: is longer than 128 bytes", Refuse(() => ReadHeader(header.ToByteArray())), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(NameBytesMax + 1, new byte[0])]
    [InlineData(200, new byte[] { 0 })]
    public void StreamOptions_NameIsTooLong_IsRefused(int nameLength, byte[] behind)
    {
        byte[] options = [.. new StreamOptions { Ledger = new string('x', nameLength) }.ToByteArray(), .. behind];
        Assert.Contains("options.ledger: is longer than 128 bytes", Refuse(() => ReadOptions(options)), StringComparison.Ordinal);
    }

    [Fact]
    public void LongestName_IsRead()
    {
        string name = new('x', NameBytesMax);
        Assert.Equal(name, ReadHeader(new SealDocumentHeader { Ledger = name, Document = new DocumentHeader { DocumentId = "7" } }.ToByteArray()));
        Assert.Equal(name, ReadOptions(new StreamOptions { Ledger = name, ReceiptForm = ReceiptForm.Full }.ToByteArray()).Ledger);
        Assert.Null(ReadHeader([]));
        Assert.Null(ReadOptions([]).Ledger);
    }

    [Fact]
    public void CutOff_IsRefused()
    {
        byte[] header = new SealDocumentHeader { Ledger = "ledger" }.ToByteArray();
        byte[] options = new StreamOptions { Ledger = "ledger", ReceiptForm = ReceiptForm.Full }.ToByteArray();
        Assert.Contains("header: is not valid protobuf", Refuse(() => ReadHeader(header[..^1])), StringComparison.Ordinal);
        Assert.Contains("options: is not valid protobuf", Refuse(() => ReadOptions(options[..^1])), StringComparison.Ordinal);
        Assert.Contains("options.receipt_form: is 3", Refuse(() => ReadOptions([.. options[..^1], 3])), StringComparison.Ordinal);
    }

    private static string? ReadHeader(byte[] bytes)
    {
        ProtobufReader.Open(new ReadOnlySequence<byte>(bytes), out var reader);
        return SealDocumentHeaderReader.Read(reader, new DocumentFields());
    }

    private static StreamSettings ReadOptions(byte[] bytes)
    {
        ProtobufReader.Open(new ReadOnlySequence<byte>(bytes), out var reader);
        return StreamOptionsReader.Read(reader);
    }

    private static string Refuse(Action read)
    {
        RpcException refused = Assert.Throws<RpcException>(read);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        return refused.Status.Detail;
    }
}
