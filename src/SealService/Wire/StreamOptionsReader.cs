using System.Text;
using SealService.Services;

namespace SealService.Wire;

/// <summary>The options of a sealing stream; the default value is the default ledger and compact receipts.</summary>
internal readonly record struct StreamSettings(string? Ledger, bool FullReceipts);

/// <summary>Reads <c>seal.v1.StreamOptions { 1: ledger  2: receipt_form }</c>.</summary>
internal static class StreamOptionsReader
{
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
                case (1 << 3) | ProtobufReader.LengthDelimited when reader.TryReadBytes(out var ledger) && ledger.Length <= DocumentFields.IdBytesMax:
                    settings = settings with { Ledger = Encoding.UTF8.GetString(ledger) };
                    break;
                case (2 << 3) | ProtobufReader.Varint when reader.TryReadVarint(out var form):
                    settings = form <= 2
                        ? settings with { FullReceipts = form == 2 }
                        : throw BadRequest.Of("options.receipt_form", $"is {form}; it must be RECEIPT_FORM_COMPACT (1) or RECEIPT_FORM_FULL (2)");
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

        static Exception Malformed() => BadRequest.Of("options", "is not valid protobuf, or its ledger is longer than 128 bytes");
    }
}
