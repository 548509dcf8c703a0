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
internal ref struct SealDocumentsMessage
{
    private ulong _reference;
    private ProtobufReader _header;
    private ReadOnlySequence<byte> _content;

    public readonly ulong Reference => _reference;

    public DocumentsPart Part { get; private set; }

    /// <summary>Of Whole and Begin: the DocumentHeader; of Options: the StreamOptions.</summary>
    public readonly ProtobufReader Header => _header;

    /// <summary>Of Whole and Chunk: document bytes.</summary>
    public readonly ReadOnlySequence<byte> Content => _content;

    /// <summary>
    /// Reads the message. False for malformed bytes, a part given twice, or none. Unknown fields are skipped.
    /// <code>
    /// SealDocumentsRequest { 1: ref  2: options  3: whole { 1: header 2: content }  4: begin  5: chunk  6: end  7: abandon }
    /// </code>
    /// </summary>
    public static bool TryRead(in ReadOnlySequence<byte> message, out SealDocumentsMessage result)
    {
        result = default;
        ProtobufReader.Open(message, out var reader);
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                return false;
            }

            var isRead = tag == ProtobufReader.Tag(1, ProtobufReader.Varint) ? reader.TryReadVarint(out result._reference)
                : (tag & 7) == ProtobufReader.LengthDelimited && tag >> 3 is >= 2 and <= 7 ? result.TryReadPart(ref reader, (DocumentsPart)(tag >> 3))
                : reader.TrySkip(tag);
            if (!isRead)
            {
                return false;
            }
        }

        return result.Part != DocumentsPart.None;
    }

    private bool TryReadPart(ref ProtobufReader reader, DocumentsPart part)
    {
        if (Part != DocumentsPart.None)
        {
            return false;
        }

        Part = part;
        return part switch
        {
            DocumentsPart.Whole => reader.TryEnterMessage(out var behind) && TryReadWhole(ref reader, behind),
            DocumentsPart.Chunk => reader.TryReadBytes(out _content),
            _ => reader.TryReadMessage(out _header),
        };
    }

    private bool TryReadWhole(ref ProtobufReader reader, long behind)
    {
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                return false;
            }

            // A part that comes twice would be merged by protobuf; no encoder does that, and losing an idempotency key is worse than refusing.
            var isRead = tag switch
            {
                (1 << 3) | ProtobufReader.LengthDelimited => _header.AtEnd && reader.TryReadMessage(out _header),
                (2 << 3) | ProtobufReader.LengthDelimited => _content.IsEmpty && reader.TryReadBytes(out _content),
                _ => reader.TrySkip(tag),
            };
            if (!isRead)
            {
                return false;
            }
        }

        reader.LeaveMessage(behind);
        return true;
    }
}
