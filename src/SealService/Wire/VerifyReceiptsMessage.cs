using System.Buffers;

namespace SealService.Wire;

/// <summary>One <c>seal.v1.VerifyReceiptsRequest { 1: ref  2: receipt  3: document  4: digest }</c>, in the transport's buffers.</summary>
internal readonly ref struct VerifyReceiptsMessage
{
    private VerifyReceiptsMessage(ulong reference, ReadOnlySequence<byte> receipt, ReadOnlySequence<byte>? document, ReadOnlySequence<byte>? digest)
    {
        Reference = reference;
        Receipt = receipt;
        Document = document;
        Digest = digest;
    }

    public ulong Reference { get; }

    public ReadOnlySequence<byte> Receipt { get; }

    public ReadOnlySequence<byte>? Document { get; }

    public ReadOnlySequence<byte>? Digest { get; }

    /// <summary>False for malformed bytes. Of the oneof's fields the last one counts.</summary>
    public static bool TryRead(in ReadOnlySequence<byte> message, out VerifyReceiptsMessage result)
    {
        result = default;
        ProtobufReader.Open(message, out var reader);
        ulong reference = 0;
        ReadOnlySequence<byte> receipt = default;
        ReadOnlySequence<byte>? document = null;
        ReadOnlySequence<byte>? digest = null;
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                return false;
            }

            ReadOnlySequence<byte> bytes;
            switch (tag)
            {
                case (1 << 3) | ProtobufReader.Varint when reader.TryReadVarint(out reference):
                    break;
                case (2 << 3) | ProtobufReader.LengthDelimited when reader.TryReadBytes(out receipt):
                    break;
                case (3 << 3) | ProtobufReader.LengthDelimited when reader.TryReadBytes(out bytes):
                    (document, digest) = (bytes, null);
                    break;
                case (4 << 3) | ProtobufReader.LengthDelimited when reader.TryReadBytes(out bytes):
                    (document, digest) = (null, bytes);
                    break;
                default:
                    if (tag >> 3 <= 4 || !reader.TrySkip(tag))
                    {
                        return false;
                    }

                    break;
            }
        }

        result = new VerifyReceiptsMessage(reference, receipt, document, digest);
        return true;
    }
}
