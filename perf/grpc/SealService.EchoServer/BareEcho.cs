using System.Buffers;
using System.Buffers.Binary;

namespace SealService.EchoServer;

/// <summary>
/// The same bytes on the wire without the gRPC layer: no limits, no deadlines, no compression, no metrics, no errors. What a layer can
/// be compared with, not what anybody could serve.
/// </summary>
internal static class BareEcho
{
    private const int PrefixBytes = 5;
    private const int UnflushedBytesMax = 64 * 1024;

    /// <summary>Reads the whole request and answers with it.</summary>
    public static async Task UnaryAsync(HttpContext http)
    {
        Begin(http);
        var reader = http.Request.BodyReader;
        var read = await reader.ReadAsync();
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await reader.ReadAsync();
        }

        Write(http.Response.BodyWriter, read.Buffer);
        reader.AdvanceTo(read.Buffer.End);
        End(http);
    }

    /// <summary>Hand framing: finds each message by its prefix and writes it back with one of its own.</summary>
    public static async Task StreamAsync(HttpContext http)
    {
        Begin(http);
        var reader = http.Request.BodyReader;
        var writer = http.Response.BodyWriter;
        while (true)
        {
            var read = await reader.ReadAsync();
            var buffer = read.Buffer;
            while (TryReadMessage(ref buffer, out var message))
            {
                BinaryPrimitives.WriteUInt32BigEndian(Prefix(writer), (uint)message.Length);
                writer.Advance(PrefixBytes);
                Write(writer, message);
                if (writer.UnflushedBytes >= UnflushedBytesMax)
                {
                    await writer.FlushAsync();
                }
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
            await writer.FlushAsync();
            if (read.IsCompleted)
            {
                break;
            }
        }

        End(http);
    }

    private static void Begin(HttpContext http) => http.Response.ContentType = "application/grpc";

    private static void End(HttpContext http) => http.Response.AppendTrailer("grpc-status", "0");

    private static bool TryReadMessage(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> message)
    {
        message = default;
        if (buffer.Length < PrefixBytes)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[PrefixBytes];
        buffer.Slice(0, PrefixBytes).CopyTo(prefix);
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (buffer.Length - PrefixBytes < length)
        {
            return false;
        }

        message = buffer.Slice(PrefixBytes, length);
        buffer = buffer.Slice(message.End);
        return true;
    }

    /// <summary>Where the length goes; the flag before it is written.</summary>
    private static Span<byte> Prefix(System.IO.Pipelines.PipeWriter writer)
    {
        var prefix = writer.GetSpan(PrefixBytes);
        prefix[0] = 0;
        return prefix[1..];
    }

    private static void Write(System.IO.Pipelines.PipeWriter writer, in ReadOnlySequence<byte> bytes)
    {
        foreach (var segment in bytes)
        {
            writer.Write(segment.Span);
        }
    }
}
