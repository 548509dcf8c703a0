extern alias server;

using System.Buffers;
using SealService.Tests.Merkle;
using server::SealService.Wire;
using Xunit;
using Receipt = SealService.Merkle.Receipt;
using Response = Seal.V1.SealDocumentResponse;

namespace SealService.Tests.Server;

public sealed class SealDocumentAnswerTests
{
    [Theory]
    [InlineData(1, 0, false)] // no proof and no index
    [InlineData(200, 199, true)]
    [InlineData(3, 1, false)]
    public void Marshaller_AReceipt_IsReadByGooglesParser(int treeSize, int index, bool alreadySealed)
    {
        Receipt receipt = new SealedSample(treeSize).Receipt(index);
        ArrayBufferWriter<byte> output = new();
        BufferContext context = new(output);
        SealDocumentAnswer.Marshaller.ContextualSerializer(new SealDocumentAnswer(receipt, alreadySealed), context);

        Assert.Equal(output.WrittenCount, context.Announced);
        Response response = Response.Parser.ParseFrom(output.WrittenSpan);
        Assert.Equal(alreadySealed, response.AlreadySealed);
        Assert.True(receipt.Entry.Span.SequenceEqual(response.Receipt.Entry.Span));
        Assert.Equal(receipt.Index, response.Receipt.Index);
        Assert.Equal(receipt.InclusionProof.ToArray().Select(hash => hash.ToString()), response.Receipt.InclusionProof.Select(hash => Convert.ToHexStringLower(hash.Span)));
        Assert.True(receipt.Checkpoint.Span.SequenceEqual(response.Receipt.Checkpoint.Span));
        Assert.Equal(response.CalculateSize(), output.WrittenCount); // no bytes that the parser passed over
    }
}
