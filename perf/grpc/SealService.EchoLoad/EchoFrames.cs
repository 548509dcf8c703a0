using System.Buffers.Binary;
using System.Text;

namespace SealService.EchoLoad;

/// <summary>The bytes of HTTP/2 (RFC 9113 section 4.1) that a connection sends, made before the run.</summary>
internal static class EchoFrames
{
    public const int HeaderBytes = 9;
    public const int GrpcPrefixBytes = 5;

    public const byte Data = 0x0;
    public const byte Headers = 0x1;
    public const byte ResetStream = 0x3;
    public const byte Settings = 0x4;
    public const byte Ping = 0x6;
    public const byte GoAway = 0x7;
    public const byte WindowUpdate = 0x8;

    public const byte EndStream = 0x1;
    public const byte Ack = 0x1;
    public const byte EndHeaders = 0x4;

    /// <summary>perf.v1.EchoMessage { 1: payload } of so many bytes, with gRPC's prefix.</summary>
    public static byte[] Message(int messageBytes)
    {
        var frame = new byte[GrpcPrefixBytes + messageBytes];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)messageBytes);
        var payload = messageBytes - 3;
        ArgumentOutOfRangeException.ThrowIfLessThan(payload, 128); // its length has two bytes
        var at = GrpcPrefixBytes;
        frame[at++] = (1 << 3) | 2;
        frame[at++] = (byte)(payload | 0x80);
        frame[at++] = (byte)(payload >> 7);
        for (; at < frame.Length; at++)
        {
            frame[at] = (byte)(at * 31);
        }

        return frame;
    }

    /// <summary>
    /// A request's header block (RFC 7541). The first on a connection puts its fields into the dynamic table; those after it are six bytes
    /// of references, as real clients send.
    /// </summary>
    public static byte[] HeaderBlock(string path, bool first)
    {
        const byte MethodPost = 0x83, SchemeHttp = 0x86;
        if (!first)
        {
            // Dynamic entries, the newest first: te, content-type, :authority, :path.
            return [MethodPost, SchemeHttp, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];
        }

        var block = new List<byte> { MethodPost, SchemeHttp };
        const byte NamePath = 0x40 | 4, NameAuthority = 0x40 | 1, NameContentType = 0x40 | 31, NewName = 0x40;
        block.Add(NamePath);
        AddText(path);
        block.Add(NameAuthority);
        AddText("127.0.0.1");
        block.Add(NameContentType);
        AddText("application/grpc");
        block.Add(NewName);
        AddText("te");
        AddText("trailers");
        return [.. block];

        void AddText(string text)
        {
            block.Add((byte)text.Length);
            block.AddRange(Encoding.ASCII.GetBytes(text));
        }
    }

    /// <summary>Writes a frame's header and gives what follows it.</summary>
    public static Span<byte> Write(Span<byte> destination, byte type, byte flags, int stream, int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(destination, length << 8);
        destination[3] = type;
        destination[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(destination[5..], stream);
        return destination[HeaderBytes..];
    }
}
