using System.Buffers;
using System.Buffers.Binary;

namespace Grpc.Wire;

/// <summary>
/// The prefix of every message (gRPC over HTTP/2, "Length-Prefixed-Message"):
/// <code>
/// +----------------+-------------------------------------------+----------------------
/// | compressed (1) |       length (4, unsigned, big-endian)    | message (length) ...
/// +----------------+-------------------------------------------+----------------------
/// </code>
/// </summary>
internal static class MessageHeader
{
    public const int SizeBytes = 5;

    /// <summary>Reads the prefix at the start of <paramref name="buffer"/>; false when fewer than five bytes are there.</summary>
    public static bool TryRead(in ReadOnlySequence<byte> buffer, out byte flag, out uint length)
    {
        var first = buffer.FirstSpan;
        if (first.Length >= SizeBytes)
        {
            flag = first[0];
            length = BinaryPrimitives.ReadUInt32BigEndian(first[1..]);
            return true;
        }

        return TryReadAcrossSegments(buffer, out flag, out length);
    }

    public static void Write(Span<byte> destination, bool compressed, int length)
    {
        destination[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(destination[1..], length);
    }

    private static bool TryReadAcrossSegments(in ReadOnlySequence<byte> buffer, out byte flag, out uint length)
    {
        flag = 0;
        length = 0;
        if (buffer.Length < SizeBytes)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[SizeBytes];
        buffer.Slice(0, SizeBytes).CopyTo(prefix);
        flag = prefix[0];
        length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        return true;
    }
}
