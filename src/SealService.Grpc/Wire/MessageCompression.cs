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
    /// Appends the decompressed message to <paramref name="destination"/>. The limit is checked while decompressing, so that a few
    /// bytes can't fill the memory.
    /// </summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED over the limit, INTERNAL when the bytes are not gzip.</exception>
    public static void Decompress(in ReadOnlySequence<byte> compressed, PooledBuffer destination, int messageBytesMax)
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
            var before = destination.WrittenCount;
            using var gzip = new GZipStream(new MemoryStream(rented, 0, length, writable: false), CompressionMode.Decompress);
            int read;
            while ((read = gzip.Read(destination.GetSpan())) > 0)
            {
                destination.Advance(read);
                if (destination.WrittenCount > messageBytesMax)
                {
                    throw new RpcException(new Status(
                        StatusCode.ResourceExhausted,
                        $"The message is larger than {messageBytesMax} bytes when decompressed."));
                }
            }

            // RFC 1952 section 2.3.1: the last four bytes are the size of the data. GZipStream takes a stream that was cut off for a shorter one.
            if (length < sizeof(uint)
                || BinaryPrimitives.ReadUInt32LittleEndian(rented.AsSpan(length - sizeof(uint))) != (uint)(destination.WrittenCount - before))
            {
                throw new InvalidDataException("The compressed message was cut off.");
            }
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
