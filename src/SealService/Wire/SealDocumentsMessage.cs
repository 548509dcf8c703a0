using System.Buffers;

namespace SealService.Wire;

/// <summary>The parts of <c>seal.v1.SealDocumentsRequest</c>, by field number.</summary>
internal enum DocumentsPart
{
    None = 0,
    Options = 2,
    Whole = 3,
    Begin = 4,
    Chunk = 5,
    End = 6,
    Abandon = 7,
}

/// <summary>One <c>seal.v1.SealDocumentsRequest</c>, its document's bytes still in the transport's buffers.</summary>
internal readonly ref struct SealDocumentsMessage
{
    private SealDocumentsMessage(ulong reference, DocumentsPart part, ReadOnlySequence<byte> header, ReadOnlySequence<byte> content)
    {
        Reference = reference;
        Part = part;
        Header = header;
        Content = content;
    }

    public ulong Reference { get; }

    public DocumentsPart Part { get; }

    /// <summary>Of Whole and Begin: the DocumentHeader; of Options: the StreamOptions.</summary>
    public ReadOnlySequence<byte> Header { get; }

    /// <summary>Of Whole and Chunk: document bytes.</summary>
    public ReadOnlySequence<byte> Content { get; }

    /// <summary>
    /// Reads the message. False for malformed bytes, a part given twice, or none. Unknown fields are skipped.
    /// <code>
    /// SealDocumentsRequest { 1: ref  2: options  3: whole { 1: header 2: content }  4: begin  5: chunk  6: end  7: abandon }
    /// </code>
    /// </summary>
    public static bool TryRead(in ReadOnlySequence<byte> message, out SealDocumentsMessage result)
    {
        result = default;
        var reader = new ProtobufReader(message);
        ulong reference = 0;
        var part = DocumentsPart.None;
        ReadOnlySequence<byte> body = default;
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                return false;
            }

            if (tag == ProtobufReader.Tag(1, ProtobufReader.Varint))
            {
                if (!reader.TryReadVarint(out reference))
                {
                    return false;
                }
            }
            else if ((tag & 7) == ProtobufReader.LengthDelimited && tag >> 3 is >= 2 and <= 7)
            {
                if (part != DocumentsPart.None || !reader.TryReadBytes(out body))
                {
                    return false;
                }

                part = (DocumentsPart)(tag >> 3);
            }
            else if (!reader.TrySkip(tag))
            {
                return false;
            }
        }

        return part switch
        {
            DocumentsPart.None => false,
            DocumentsPart.Whole => TryReadWhole(reference, body, out result),
            DocumentsPart.Chunk => Give(new SealDocumentsMessage(reference, part, default, body), out result),
            _ => Give(new SealDocumentsMessage(reference, part, body, default), out result),
        };
    }

    private static bool TryReadWhole(ulong reference, scoped in ReadOnlySequence<byte> whole, out SealDocumentsMessage result)
    {
        result = default;
        var reader = new ProtobufReader(whole);
        ReadOnlySequence<byte> header = default;
        ReadOnlySequence<byte> content = default;
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                return false;
            }

            // A part that comes twice would be merged by protobuf; no encoder does that, and losing an idempotency key is worse than refusing.
            var read = tag switch
            {
                (1 << 3) | ProtobufReader.LengthDelimited => header.IsEmpty && reader.TryReadBytes(out header),
                (2 << 3) | ProtobufReader.LengthDelimited => content.IsEmpty && reader.TryReadBytes(out content),
                _ => reader.TrySkip(tag),
            };
            if (!read)
            {
                return false;
            }
        }

        return Give(new SealDocumentsMessage(reference, DocumentsPart.Whole, header, content), out result);
    }

    private static bool Give(SealDocumentsMessage message, out SealDocumentsMessage result)
    {
        result = message;
        return true;
    }
}
