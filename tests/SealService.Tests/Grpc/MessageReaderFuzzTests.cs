using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Wire;
using Xunit;

namespace SealService.Tests.Grpc;

/// <summary>The frame parser against a slow oracle that sees the whole stream: right frames, lies, cuts and damaged gzip, in random pieces.</summary>
public sealed class MessageReaderFuzzTests
{
    private const int MessageBytesMax = 100;
    private const int Rounds = 1000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RandomStreamsInRandomPieces_AreReadLikeTheOracle(bool acceptsCompressed)
    {
        var random = SeededRandom.Create();
        for (var round = 0; round < Rounds; round++)
        {
            var stream = RandomStream(random, acceptsCompressed);
            var (expected, expectedEnd) = Oracle(stream, acceptsCompressed);
            var pipe = new Pipe(new PipeOptions(minimumSegmentSize: 16, pauseWriterThreshold: 0));
            using var reader = new PlainReader(pipe.Reader, acceptsCompressed);

            var writing = WriteInPiecesAsync(pipe.Writer, stream, random);
            var (read, end) = await ReadAsync(reader);
            await writing;

            Assert.True(expectedEnd == end, $"round {round}: {expectedEnd} and not {end}");
            Assert.Equal(expected, read);
        }
    }

    private static async Task<(List<byte[]> Messages, string End)> ReadAsync(PlainReader reader)
    {
        var messages = new List<byte[]>();
        try
        {
            while (await reader.WaitToReadAsync(TestContext.Current.CancellationToken))
            {
                while (reader.TryRead(out var message))
                {
                    messages.Add(message.ToArray());
                }
            }

            return (messages, "end");
        }
        catch (RpcException e)
        {
            return (messages, e.StatusCode.ToString());
        }
    }

    private static byte[] RandomStream(Random random, bool compressed)
    {
        var stream = new List<byte>();
        for (var messages = random.Next(20); messages > 0; messages--)
        {
            stream.AddRange(compressed && random.Next(3) == 0 ? RawHttp.Frame(RandomGzip(random), flag: 1) : RandomFrame(random));
        }

        // Some streams are cut off anywhere.
        return random.Next(4) == 0 ? [.. stream.Take(random.Next(stream.Count + 1))] : [.. stream];
    }

    private static byte[] RandomFrame(Random random)
    {
        var message = random.NextBytes(random.Next(3) == 0 ? random.Next(4) : random.Next(120));
        var flag = random.Next(200) == 0 ? (byte)random.Next(256) : (byte)0;
        return RawHttp.Frame(message, flag, random.Next(100) == 0 ? (uint)random.Next() : null);
    }

    /// <summary>Gzip of a message, sometimes over the limit, sometimes damaged, cut off, or lying about its size.</summary>
    private static byte[] RandomGzip(Random random)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(new byte[random.Next(10) == 0 ? random.Next(2000) : random.Next(MessageBytesMax + 1)]);
        }

        var bytes = compressed.ToArray();
        switch (bytes.Length == 0 ? -1 : random.Next(12))
        {
            case 0:
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - sizeof(uint)), (uint)random.Next(3000));
                break;
            case 2:
                return bytes[..random.Next(bytes.Length)];
        }

        return bytes;
    }

    /// <summary>Reads a stream that is there as a whole, in the plainest way.</summary>
    private static (List<byte[]> Messages, string End) Oracle(byte[] stream, bool acceptsCompressed)
    {
        var messages = new List<byte[]>();
        for (var at = 0; at < stream.Length;)
        {
            if (stream.Length - at < 5)
            {
                return (messages, nameof(StatusCode.Internal));
            }

            var length = (uint)((stream[at + 1] << 24) | (stream[at + 2] << 16) | (stream[at + 3] << 8) | stream[at + 4]);
            if (stream[at] > 1)
            {
                return (messages, nameof(StatusCode.Internal));
            }

            if (length > MessageBytesMax)
            {
                return (messages, nameof(StatusCode.ResourceExhausted));
            }

            if (stream.Length - at - 5 < length)
            {
                return (messages, nameof(StatusCode.Internal));
            }

            var message = stream[(at + 5)..(at + 5 + (int)length)];
            var failure = stream[at] == 0 ? null : acceptsCompressed ? Decompress(ref message) : nameof(StatusCode.Internal);
            if (failure is not null)
            {
                return (messages, failure);
            }

            messages.Add(message);
            at += 5 + (int)length;
        }

        return (messages, "end");
    }

    /// <summary>Null, or what is wrong with the message.</summary>
    private static string? Decompress(ref byte[] message)
    {
        if (message.Length == 0)
        {
            return null;
        }

        var announced = message.Length < sizeof(uint) ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(message.Length - sizeof(uint)));
        var decompressed = new List<byte>();
        try
        {
            using var gzip = new GZipStream(new MemoryStream(message), CompressionMode.Decompress);
            while (decompressed.Count <= MessageBytesMax && gzip.ReadByte() is >= 0 and var next)
            {
                decompressed.Add((byte)next);
            }
        }
        catch (InvalidDataException)
        {
            return nameof(StatusCode.Internal);
        }

        message = [.. decompressed];
        return announced > MessageBytesMax && decompressed.Count > MessageBytesMax ? nameof(StatusCode.ResourceExhausted)
            : announced != decompressed.Count ? nameof(StatusCode.Internal)
            : null;
    }

    private static async Task WriteInPiecesAsync(PipeWriter writer, byte[] stream, Random random)
    {
        for (var at = 0; at < stream.Length;)
        {
            var piece = Math.Min(random.Next(1, 60), stream.Length - at);
            await writer.WriteAsync(stream.AsMemory(at, piece));
            at += piece;
            if (random.Next(2) == 0)
            {
                await Task.Yield();
            }
        }

        await writer.CompleteAsync();
    }

    private sealed class PlainReader(PipeReader pipe, bool acceptsCompressed) : MessageReader(pipe, new ReceiveLimits(MessageBytesMax), acceptsCompressed)
    {
        protected override Exception WaitWasCancelled() => new OperationCanceledException();

        protected override Exception Translate(Exception transportFailure) => transportFailure;
    }
}
