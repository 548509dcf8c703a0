using System.Buffers;
using Grpc.Core;
using Seal.V1;
using SealService.Wire;

namespace SealService.Services;

/// <summary>
/// The methods that carry documents, bound to the transport's buffers in place of generated messages: same names, same bytes on the wire.
/// Binding one fails at start when the contract has no such method of that type.
/// </summary>
internal static class RawMethods
{
    private const string SealingName = "seal.v1.Sealing";
    private const string VerificationName = "seal.v1.Verification";

    public static readonly Method<ReadOnlySequence<byte>, SealDocumentAnswer> SealDocument =
        new(MethodType.ClientStreaming, SealingName, "SealDocument", Marshallers.Raw, SealDocumentAnswer.Marshaller);

    public static readonly Method<ReadOnlySequence<byte>, SealingAnswer> SealDocuments =
        new(MethodType.DuplexStreaming, SealingName, "SealDocuments", Marshallers.Raw, SealingAnswer.Marshaller);

    public static readonly Method<ReadOnlySequence<byte>, SealingAnswer> SealDigests =
        new(MethodType.DuplexStreaming, SealingName, "SealDigests", Marshallers.Raw, SealingAnswer.Marshaller);

    public static readonly Method<ReadOnlySequence<byte>, VerifyDocumentResponse> VerifyDocument =
        new(MethodType.ClientStreaming, VerificationName, "VerifyDocument", Marshallers.Raw, ForMessage<VerifyDocumentResponse>());

    public static readonly Method<ReadOnlySequence<byte>, VerificationAnswer> VerifyReceipts =
        new(MethodType.DuplexStreaming, VerificationName, "VerifyReceipts", Marshallers.Raw, VerificationAnswer.Marshaller);

    private static Marshaller<T> ForMessage<T>()
        where T : Google.Protobuf.IMessage<T> => new(
            static (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                Google.Protobuf.MessageExtensions.WriteTo(message, context.GetBufferWriter());
                context.Complete();
            },
            static _ => throw new NotSupportedException("A server does not read answers."));
}
