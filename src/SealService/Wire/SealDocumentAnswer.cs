using Grpc.Core;
using SealService.Merkle;

namespace SealService.Wire;

/// <summary>The answer of a call for one document, <c>seal.v1.SealDocumentResponse</c>, written without generated types.</summary>
/// <param name="Receipt">The document's receipt.</param>
/// <param name="AlreadySealed">It was sealed before under the same idempotency key.</param>
internal readonly record struct SealDocumentAnswer(Receipt Receipt, bool AlreadySealed)
{
    /// <summary>Writes answers into the transport's buffer. There is nothing to read: a server sends them only.</summary>
    public static readonly Marshaller<SealDocumentAnswer> Marshaller = new(
        static (answer, context) => answer.Write(context),
        static _ => throw new NotSupportedException("A server does not read answers."));

    // SealDocumentResponse { 1: receipt  2: already_sealed }
    private void Write(SerializationContext context)
    {
        var receiptSize = ReceiptWriter.GetSize(Receipt);
        context.SetPayloadLength(ProtobufWriter.SizeOfBytes(receiptSize) + ProtobufWriter.SizeOfVarintField(AlreadySealed ? 1u : 0));
        var writer = new ProtobufWriter(context.GetBufferWriter());
        writer.WriteLength(1, receiptSize);
        ReceiptWriter.Write(ref writer, Receipt);
        writer.WriteVarintField(2, AlreadySealed ? 1u : 0);
        writer.Flush();
        context.Complete();
    }
}
