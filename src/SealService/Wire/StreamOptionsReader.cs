using SealService.Services;

namespace SealService.Wire;

/// <summary>The options of a sealing stream; the default value is the default ledger and compact receipts.</summary>
internal readonly record struct StreamSettings(string? Ledger, bool FullReceipts);

/// <summary>Reads <c>seal.v1.StreamOptions { 1: ledger  2: receipt_form }</c>.</summary>
internal static class StreamOptionsReader
{
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT.</exception>
    public static StreamSettings Read(ProtobufReader reader)
    {
        var settings = default(StreamSettings);
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                throw Malformed();
            }

            switch (tag)
            {
                case (1 << 3) | ProtobufReader.LengthDelimited:
                    settings = settings with { Ledger = LedgerName.Read(ref reader, "options") };
                    break;
                case (2 << 3) | ProtobufReader.Varint:
                    settings = settings with { FullReceipts = ReadForm(ref reader) == 2 };
                    break;
                default:
                    if (!reader.TrySkip(tag))
                    {
                        throw Malformed();
                    }

                    break;
            }
        }

        return settings;
    }

    private static ulong ReadForm(ref ProtobufReader reader) =>
        !reader.TryReadVarint(out var form) ? throw Malformed()
        : form > 2 ? throw BadRequest.Of("options.receipt_form", $"is {form}; it must be RECEIPT_FORM_COMPACT (1) or RECEIPT_FORM_FULL (2)")
        : form;

    private static Grpc.Core.RpcException Malformed() => BadRequest.Of("options", "is not valid protobuf");
}
