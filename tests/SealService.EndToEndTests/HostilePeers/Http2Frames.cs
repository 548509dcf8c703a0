using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace SealService.EndToEndTests.HostilePeers;

/// <summary>The frame types that the peer uses (RFC 9113 section 6).</summary>
internal enum Http2FrameType : byte
{
    Data = 0,
    Headers = 1,
    ResetStream = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

/// <summary>The error codes that tests expect or send (RFC 9113 section 7).</summary>
internal enum Http2Error : uint
{
    None = 0,
    Protocol = 1,
    FrameSize = 6,
    Cancel = 8,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// <summary>
/// HTTP/2 frames as bytes, right or wrong:
/// <code>
/// length (24) | type (8) | flags (8) | 0 (1) stream (31) | payload
/// </code>
/// Header blocks are HPACK literals that are never indexed (RFC 7541 section 6.2.2), so a connection has no compression state.
/// </summary>
internal static class Http2Frames
{
    public const byte EndStream = 0x1;
    public const byte Ack = 0x1;
    public const byte EndHeaders = 0x4;
    public const int HeaderBytes = 9;

    /// <summary>SETTINGS_MAX_FRAME_SIZE unless a peer says otherwise, which this server does not.</summary>
    public const int PayloadBytesMax = 16 * 1024;

    private const int DefaultWindowBytes = 65_535;

    public static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    /// <param name="announcedBytes">What the length field says where that is a lie.</param>
    public static byte[] Frame(Http2FrameType type, byte flags, int stream, ReadOnlySpan<byte> payload, int? announcedBytes = null)
    {
        var frame = new byte[HeaderBytes + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)(announcedBytes ?? payload.Length) << 8);
        frame[3] = (byte)type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(HeaderBytes));
        return frame;
    }

    /// <summary>No header table on our side, so that answers come as literals that can be read without a decoder; and a window for each stream.</summary>
    public static byte[] Settings(int streamWindowBytes)
    {
        Span<byte> payload = stackalloc byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(payload, 1); // SETTINGS_HEADER_TABLE_SIZE
        BinaryPrimitives.WriteUInt32BigEndian(payload[2..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(payload[6..], 4); // SETTINGS_INITIAL_WINDOW_SIZE
        BinaryPrimitives.WriteInt32BigEndian(payload[8..], streamWindowBytes);
        return Frame(Http2FrameType.Settings, 0, 0, payload);
    }

    /// <summary>Preface, settings, and a connection window of 2^31−1.</summary>
    public static byte[] Greeting(int streamWindowBytes = DefaultWindowBytes)
    {
        Span<byte> increment = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(increment, int.MaxValue - DefaultWindowBytes);
        return [.. Preface, .. Settings(streamWindowBytes), .. Frame(Http2FrameType.WindowUpdate, 0, 0, increment)];
    }

    /// <summary>The headers of a gRPC call, complete.</summary>
    public static byte[] Call(int stream, string method, params ReadOnlySpan<(string Name, string Value)> metadata) =>
        Frame(Http2FrameType.Headers, EndHeaders, stream, CallBlock(method, metadata));

    /// <summary>The header block of a gRPC call.</summary>
    public static byte[] CallBlock(string method, params ReadOnlySpan<(string Name, string Value)> metadata)
    {
        List<byte> block =
        [
            0x83, // :method POST
            0x86, // :scheme http
            0x04, .. Text(method), // :path
            0x01, .. Text("localhost"), // :authority
            .. Literal("content-type", "application/grpc"),
            .. Literal("te", "trailers"),
        ];
        foreach (var (name, value) in metadata)
        {
            block.AddRange(Literal(name, value));
        }

        return [.. block];
    }

    public static byte[] Data(int stream, ReadOnlySpan<byte> payload, byte flags = 0) => Frame(Http2FrameType.Data, flags, stream, payload);

    /// <summary>As many DATA frames as the bytes need.</summary>
    public static byte[] DataFrames(int stream, ReadOnlySpan<byte> bytes, bool endStream)
    {
        List<byte> frames = [];
        while (bytes.Length > PayloadBytesMax)
        {
            frames.AddRange(Data(stream, bytes[..PayloadBytesMax]));
            bytes = bytes[PayloadBytesMax..];
        }

        frames.AddRange(Data(stream, bytes, endStream ? EndStream : (byte)0));
        return [.. frames];
    }

    public static byte[] Reset(int stream, Http2Error error)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)error);
        return Frame(Http2FrameType.ResetStream, 0, stream, payload);
    }

    /// <summary>A gRPC message with its prefix: compressed-flag (8) | length (32) | message.</summary>
    /// <param name="announcedBytes">What the length field says where that is a lie.</param>
    public static byte[] Message(ReadOnlySpan<byte> message, byte flag = 0, uint? announcedBytes = null)
    {
        var bytes = new byte[5 + message.Length];
        bytes[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(1), announcedBytes ?? (uint)message.Length);
        message.CopyTo(bytes.AsSpan(5));
        return bytes;
    }

    /// <summary>One field as a literal with a literal name.</summary>
    public static byte[] Literal(string name, string value) => [0x00, .. Text(name), .. Text(value)];

    /// <summary>The value of <c>grpc-status</c> in a header block of literals, or null.</summary>
    public static int? FindGrpcStatus(ReadOnlySpan<byte> block)
    {
        var at = block.IndexOf("grpc-status"u8);
        if (at < 0 || at + 12 >= block.Length || block[at + 11] is 0 or > 2)
        {
            return null; // absent, or grpc-status-details-bin alone
        }

        return int.TryParse(block.Slice(at + 12, block[at + 11]), CultureInfo.InvariantCulture, out var status) ? status : null;
    }

    // RFC 7541 sections 5.1 and 5.2: length with a prefix of 7 bits, not Huffman-coded.
    private static byte[] Text(string text)
    {
        List<byte> bytes = [];
        if (text.Length < 127)
        {
            bytes.Add((byte)text.Length);
        }
        else
        {
            bytes.Add(127);
            var rest = text.Length - 127;
            for (; rest >= 128; rest >>= 7)
            {
                bytes.Add((byte)(0x80 | (rest & 0x7F)));
            }

            bytes.Add((byte)rest);
        }

        bytes.AddRange(Encoding.ASCII.GetBytes(text));
        return [.. bytes];
    }
}
