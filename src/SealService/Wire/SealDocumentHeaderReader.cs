using SealService.Services;

namespace SealService.Wire;

/// <summary>Reads <c>seal.v1.SealDocumentHeader { 1: ledger  2: document }</c>.</summary>
internal static class SealDocumentHeaderReader
{
    /// <param name="reader">The header.</param>
    /// <param name="fields">Takes what it says about the document; reset.</param>
    /// <returns>The ledger's name; null when it is not named.</returns>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT.</exception>
    public static string? Read(ProtobufReader reader, DocumentFields fields)
    {
        string? ledger = null;
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                throw Malformed();
            }

            switch (tag)
            {
                case (1 << 3) | ProtobufReader.LengthDelimited:
                    ledger = LedgerName.Read(ref reader, "header");
                    break;
                case (2 << 3) | ProtobufReader.LengthDelimited:
                    ReadDocument(ref reader, fields);
                    break;
                default:
                    if (!reader.TrySkip(tag))
                    {
                        throw Malformed();
                    }

                    break;
            }
        }

        return ledger;
    }

    private static void ReadDocument(ref ProtobufReader reader, DocumentFields fields)
    {
        if (!reader.TryReadMessage(out var document))
        {
            throw Malformed();
        }

        if (!fields.TryRead(document, out var error))
        {
            throw BadRequest.Of("header.document." + error.Field, error.Description!);
        }
    }

    private static Grpc.Core.RpcException Malformed() => BadRequest.Of("header", "is not valid protobuf");
}
