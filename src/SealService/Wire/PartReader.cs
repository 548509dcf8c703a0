using System.Buffers;

namespace SealService.Wire;

/// <summary>
/// Reads a message whose only known fields are the two parts of a oneof, each a length-delimited field: the first message of a stream has
/// one, all others have the other. Unknown fields are skipped.
/// </summary>
internal static class PartReader
{
    /// <summary>
    /// The bytes of part <paramref name="wanted"/>. False when it is missing or given twice, when the message has part
    /// <paramref name="refused"/>, or when it is malformed.
    /// </summary>
    public static bool TryRead(in ReadOnlySequence<byte> message, uint wanted, uint refused, out ReadOnlySequence<byte> part)
    {
        part = default;
        var found = false;
        ProtobufReader.Open(message, out var reader);
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag) || tag >> 3 == refused)
            {
                return false;
            }

            if (tag != ProtobufReader.Tag(wanted, ProtobufReader.LengthDelimited))
            {
                if (tag >> 3 == wanted || !reader.TrySkip(tag))
                {
                    return false;
                }
            }
            else if (found || !reader.TryReadBytes(out part))
            {
                return false;
            }
            else
            {
                found = true;
            }
        }

        return found;
    }
}
