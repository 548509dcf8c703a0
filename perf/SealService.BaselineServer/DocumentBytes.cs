using System.Buffers;

namespace SealService.BaselineServer;

/// <summary>Finds the bytes that matter in request messages: the least that any server has to do to hash them.</summary>
internal static class DocumentBytes
{
    // SealDocumentsRequest { 1: ref  2: options  3: whole { 1: header 2: content }  4: begin  5: chunk  6: end  7: abandon }
    public const int WholePart = 3;
    public const int ChunkPart = 5;
    public const int EndPart = 6;
    private const int OptionsPart = 2;

    private const int Varint = 0;
    private const int LengthDelimited = 2;

    /// <summary>Reads <c>ref</c> and which part follows it; false for options. Clients write fields in the order of their numbers.</summary>
    public static bool TryReadReference(in ReadOnlySequence<byte> message, out ulong reference, out int part)
    {
        reference = 0;
        part = 0;
        var reader = new SequenceReader<byte>(message);
        if (!TryReadVarint(ref reader, out var tag))
        {
            return false;
        }

        if (tag == ((1 << 3) | Varint) && (!TryReadVarint(ref reader, out reference) || !TryReadVarint(ref reader, out tag)))
        {
            return false;
        }

        part = (int)(tag >> 3);
        return part != OptionsPart;
    }

    /// <summary>The document's bytes in a message with that part; false when the part has none.</summary>
    public static bool TryFindInPart(in ReadOnlySequence<byte> message, int part, out ReadOnlySequence<byte> content)
    {
        content = default;
        return part switch
        {
            WholePart => TryFind(message, WholePart, inner: 2, out content),
            ChunkPart => TryFind(message, ChunkPart, inner: 0, out content),
            _ => false,
        };
    }

    /// <summary>The bytes of a field, or of the field <paramref name="inner"/> in the message that it holds.</summary>
    public static bool TryFind(in ReadOnlySequence<byte> message, int field, int inner, out ReadOnlySequence<byte> bytes)
    {
        bytes = default;
        var reader = new SequenceReader<byte>(message);
        while (TryReadVarint(ref reader, out var tag) && TryReadVarint(ref reader, out var value))
        {
            if ((tag & 7) == Varint)
            {
                continue;
            }

            if ((tag & 7) != LengthDelimited || reader.Remaining < (long)value)
            {
                return false;
            }

            if ((int)(tag >> 3) == field)
            {
                if (inner == 0)
                {
                    bytes = message.Slice(reader.Position, (long)value);
                    return true;
                }

                (field, inner) = (inner, 0); // what it holds comes next
                continue;
            }

            reader.Advance((long)value);
        }

        return false;
    }

    /// <summary><c>SealDigestsRequest { 2: first_ref  4: digests }</c>.</summary>
    public static bool TryReadDigests(in ReadOnlySequence<byte> message, out ulong firstReference, out ReadOnlySequence<byte> digests)
    {
        firstReference = 0;
        digests = default;
        var reader = new SequenceReader<byte>(message);
        while (TryReadVarint(ref reader, out var tag) && TryReadVarint(ref reader, out var value))
        {
            switch (tag)
            {
                case (2 << 3) | Varint:
                    firstReference = value;
                    break;
                case (4 << 3) | LengthDelimited:
                    digests = message.Slice(reader.Position, (long)value);
                    return true;
                case var other when (other & 7) == LengthDelimited:
                    reader.Advance((long)value);
                    break;
            }
        }

        return false;
    }

    private static bool TryReadVarint(ref SequenceReader<byte> reader, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64 && reader.TryRead(out var octet); shift += 7)
        {
            value |= (ulong)(octet & 0x7F) << shift;
            if (octet < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
