using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>The message encodings: <c>identity</c> and <c>gzip</c>.</summary>
internal static class MessageCompression
{
    public const string Identity = "identity";
    public const string Gzip = "gzip";

    /// <summary>What <c>grpc-accept-encoding</c> says of this side.</summary>
    public const string AcceptEncoding = "identity,gzip";

    /// <summary>Whether a <c>grpc-accept-encoding</c> value (names separated by commas) names gzip.</summary>
    public static bool AcceptsGzip(ReadOnlySpan<char> acceptEncoding)
    {
        foreach (var range in acceptEncoding.Split(','))
        {
            if (acceptEncoding[range].Trim().Equals(Gzip, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    public static void Compress(ReadOnlyMemory<byte> message, PooledBuffer destination)
    {
        using var gzip = new GZipStream(new BufferWriterStream(destination), CompressionLevel.Fastest);
        gzip.Write(message.Span);
    }

    /// <summary>
    /// What a compressed message says of its size when decompressed: its last four bytes (ISIZE, RFC 1952 section 2.3.1). It may lie.
    /// </summary>
    public static uint ReadSize(in ReadOnlySequence<byte> compressed)
    {
        if (compressed.Length < sizeof(uint))
        {
            return 0;
        }

        Span<byte> size = stackalloc byte[sizeof(uint)];
        compressed.Slice(compressed.Length - sizeof(uint)).CopyTo(size);
        return BinaryPrimitives.ReadUInt32LittleEndian(size);
    }

    /// <summary>
    /// Appends the decompressed message to <paramref name="destination"/>. Room is made for what the message says and the limit allows, and
    /// nothing is decompressed beyond it, so that a few bytes can't fill the memory.
    /// </summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED over the limit; INTERNAL when the bytes are not gzip, or of another size than they say.</exception>
    public static void Decompress(in ReadOnlySequence<byte> compressed, uint size, PooledBuffer destination, ReceiveLimits limits)
    {
        var length = checked((int)compressed.Length);
        if (length == 0)
        {
            // What .NET's GZipStream makes of an empty message.
            return;
        }

        var rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            compressed.CopyTo(rented);
            using var gzip = new GZipStream(new MemoryStream(rented, 0, length, writable: false), CompressionMode.Decompress);
            var room = (int)Math.Min(size, (uint)limits.MessageBytesMax);
            var read = gzip.ReadAtLeast(destination.GetSpan(room)[..room], room, throwOnEndOfStream: false);
            var hasMore = gzip.Read(stackalloc byte[1]) > 0;
            if (hasMore && size > (uint)limits.MessageBytesMax)
            {
                throw new RpcException(new Status(
                    StatusCode.ResourceExhausted,
                    $"The message has {size} bytes when decompressed, over the limit of {limits.MessageBytesMax} ({limits.MessageBytesMaxName})."));
            }

            // GZipStream takes a stream that was cut off for a shorter one.
            if (hasMore || read != size)
            {
                throw new InvalidDataException("The compressed message has another size than it says.");
            }

            destination.Advance(read);
        }
        catch (InvalidDataException e)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The message is not valid gzip.", e));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Lets <see cref="GZipStream"/> write into a buffer writer.</summary>
    private sealed class BufferWriterStream(IBufferWriter<byte> destination) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer) => destination.Write(buffer);

        public override void Write(byte[] buffer, int offset, int count) => destination.Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
