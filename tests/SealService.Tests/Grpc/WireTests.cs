using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Grpc.Core;
using Grpc.Wire;
using Xunit;

namespace SealService.Tests.Grpc;

/// <summary>The codecs against published examples, slow oracles and random bytes.</summary>
public sealed class WireTests
{
    private const int Seed = 20261121;

    [Theory]
    [InlineData("1H", 1L * TimeSpan.TicksPerHour)]
    [InlineData("2M", 2L * TimeSpan.TicksPerMinute)]
    [InlineData("3S", 3L * TimeSpan.TicksPerSecond)]
    [InlineData("4m", 4L * TimeSpan.TicksPerMillisecond)]
    [InlineData("5u", 5L * TimeSpan.TicksPerMicrosecond)]
    [InlineData("600n", 6L)]
    [InlineData("1n", 1L)]
    [InlineData("0S", 0L)]
    [InlineData("00000001S", 1L * TimeSpan.TicksPerSecond)]
    [InlineData("99999999H", 99_999_999L * TimeSpan.TicksPerHour)]
    public void Timeout_Valid_IsParsed(string text, long ticks)
    {
        Assert.True(GrpcTimeout.TryParse(text, out var timeout));
        Assert.Equal(ticks, timeout.Ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("1")]
    [InlineData("1s")]
    [InlineData("1h")]
    [InlineData("+1S")]
    [InlineData("-1S")]
    [InlineData(" 1S")]
    [InlineData("1 S")]
    [InlineData("1.5S")]
    [InlineData("123456789S")]
    [InlineData("\u0661S")]
    public void Timeout_Malformed_IsNotParsed(string text) => Assert.False(GrpcTimeout.TryParse(text, out _));

    [Fact]
    public void Timeout_FormattedAndParsed_IsNeverShorterAndHardlyLonger()
    {
        var random = new Random(Seed);
        for (var i = 0; i < 10_000; i++)
        {
            var timeout = TimeSpan.FromTicks((long)Math.Exp(random.NextDouble() * Math.Log(TimeSpan.FromDays(400_000).Ticks)));

            Assert.True(GrpcTimeout.TryParse(GrpcTimeout.Format(timeout), out var parsed), GrpcTimeout.Format(timeout));
            Assert.InRange(parsed.Ticks, timeout.Ticks, timeout.Ticks + Math.Max(10, timeout.Ticks / 1000));
        }
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("plain text!", "plain text!")]
    [InlineData("100%", "100%25")]
    [InlineData("a\nb", "a%0Ab")]
    [InlineData("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n", "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A")]
    public void PercentEncoding_Example_RoundTrips(string text, string encoded)
    {
        Assert.Equal(encoded, PercentEncoding.Encode(text));
        Assert.Equal(text, PercentEncoding.Decode(encoded));
    }

    [Theory]
    [InlineData("%", "%")]
    [InlineData("%4", "%4")]
    [InlineData("%zz", "%zz")]
    [InlineData("%%41", "%A")]
    [InlineData("%41%", "A%")]
    [InlineData("%FF", "\uFFFD")]
    [InlineData("ü%C3%BC", "üü")]
    public void PercentEncoding_NotValid_StillDecodes(string encoded, string text) => Assert.Equal(text, PercentEncoding.Decode(encoded));

    [Fact]
    public void PercentEncoding_RandomText_RoundTrips()
    {
        var random = new Random(Seed);
        for (var i = 0; i < 2000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => new Rune(random.Next(4) == 0 ? random.Next(0xE000, 0x10FFFF) : random.Next(0x80)).ToString()));
            var encoded = PercentEncoding.Encode(text);

            Assert.All(encoded, c => Assert.InRange(c, ' ', '~'));
            Assert.Equal(text, PercentEncoding.Decode(encoded));
        }
    }

    [Fact]
    public void PercentEncoding_LongText_IsCutBetweenCharacters()
    {
        var text = new string('x', PercentEncoding.TextCharsMax - 1) + "😈";

        Assert.Equal(new string('x', PercentEncoding.TextCharsMax - 1), PercentEncoding.Encode(text));
    }

    [Fact]
    public void BinaryMetadata_RandomBytes_RoundTripPaddedAndUnpadded()
    {
        var random = new Random(Seed);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = new byte[random.Next(i < 1900 ? 40 : 4000)];
            random.NextBytes(bytes);
            var unpadded = MetadataCodec.Write(new Metadata.Entry("x-bin", bytes));

            Assert.DoesNotContain('=', unpadded);
            Assert.True(MetadataCodec.TryDecodeBinary(unpadded, out var decoded));
            Assert.Equal(bytes, decoded);
            Assert.True(MetadataCodec.TryDecodeBinary(Convert.ToBase64String(bytes), out decoded));
            Assert.Equal(bytes, decoded);
        }
    }

    [Fact]
    public void BinaryMetadata_RandomText_DecodesLikeTheOracleOrNotAtAll()
    {
        const string Alphabet = "ABCDwxyz0189+/= \n-_é";
        var random = new Random(Seed);
        for (var i = 0; i < 20_000; i++)
        {
            var text = new string(random.GetItems<char>(Alphabet, random.Next(12)));

            var decodes = MetadataCodec.TryDecodeBinary(text, out var decoded);

            Assert.Equal(Oracle(text), decodes ? decoded : null);
        }

        static byte[]? Oracle(string text)
        {
            var trimmed = text.TrimEnd('=');
            if (trimmed.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('+' or '/')))
            {
                return null;
            }

            try
            {
                return Convert.FromBase64String(trimmed + new string('=', (4 - (trimmed.Length % 4)) % 4));
            }
            catch (FormatException)
            {
                return null;
            }
        }
    }

    [Fact]
    public void BinaryMetadata_JoinedValues_AreToldApartInOrder()
    {
        var metadata = new Metadata();

        MetadataCodec.Read("X-Data-Bin", "AQ==,Ag, ,AwQ", metadata);

        Assert.Equal([[1], [2], [], [3, 4]], metadata.Select(entry => entry.ValueBytes));
        Assert.All(metadata, entry => Assert.Equal("x-data-bin", entry.Key));
    }

    [Theory]
    [InlineData("grpc-status")]
    [InlineData("grpc-timeout")]
    [InlineData("grpc-encoding")]
    [InlineData("Content-Type")]
    [InlineData("TE")]
    [InlineData("host")]
    [InlineData(":path")]
    [InlineData("bad key")]
    public void Metadata_ProtocolHeadersAndBadKeys_AreNotMetadata(string name)
    {
        var metadata = new Metadata();

        MetadataCodec.Read(name, "x", metadata);

        Assert.Empty(metadata);
    }

    [Theory]
    [InlineData("x-bin", "text")]
    [InlineData("", "text")]
    [InlineData("a b", "text")]
    [InlineData("x", "line\nbreak")]
    [InlineData("x", "ünïcode")]
    public void MetadataEntry_Invalid_Throws(string key, string value) => Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, value));

    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("APPLICATION/GRPC+proto", true)]
    [InlineData("application/grpc; charset=utf-8", false)]
    [InlineData("application/grpc-web+proto", false)]
    [InlineData(null, false)]
    public void ContentType_IsRecognised(string? contentType, bool isGrpc)
    {
        // A parameter follows without a space or with one.
        Assert.Equal(isGrpc || contentType?.Contains(';', StringComparison.Ordinal) == true, GrpcHeaders.IsGrpcContentType(contentType));
    }

    [Theory]
    [InlineData("gzip", true)]
    [InlineData("identity, GZIP", true)]
    [InlineData("identity,deflate", false)]
    [InlineData("gzipx", false)]
    [InlineData("", false)]
    public void AcceptEncoding_IsRead(string value, bool accepts) => Assert.Equal(accepts, MessageCompression.AcceptsGzip(value));

    [Fact]
    public async Task Reader_RandomStreamsInRandomPieces_ReadsLikeTheOracle()
    {
        for (var seed = Seed; seed < Seed + 300; seed++)
        {
            var random = new Random(seed);
            var stream = RandomStream(random);
            var (expected, expectedEnd) = Oracle(stream);
            var pipe = new Pipe(new PipeOptions(minimumSegmentSize: 16, pauseWriterThreshold: 0));
            using var reader = new PlainReader(pipe.Reader);

            var writing = WriteInPiecesAsync(pipe.Writer, stream, random);
            var read = new List<byte[]>();
            var end = "end";
            try
            {
                while (await reader.WaitToReadAsync(TestContext.Current.CancellationToken))
                {
                    while (reader.TryRead(out var message))
                    {
                        read.Add(message.ToArray());
                    }
                }
            }
            catch (RpcException e)
            {
                end = e.StatusCode.ToString();
            }

            await writing;
            Assert.True(expectedEnd == end, $"seed {seed}: {expectedEnd} and not {end}");
            Assert.Equal(expected, read);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5000)]
    [InlineData(100_000)]
    public async Task Writer_WithAndWithoutAnnouncedLength_WritesTheSameFrame(int size)
    {
        var message = new byte[size];
        new Random(size).NextBytes(message);
        var announced = await WriteAsync(Marshallers.Raw, new ReadOnlySequence<byte>(message), compress: false);

        Assert.Equal(RawHttp.Frame(message), announced);
        Assert.Equal(announced, await WriteAsync(Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes), message, compress: false));
        Assert.Equal(announced, await WriteAsync(Marshallers.Create<byte[]>(WriteBuffered, context => context.PayloadAsNewBuffer()), message, compress: false));

        var compressed = await WriteAsync(Marshallers.Raw, new ReadOnlySequence<byte>(message), compress: true);
        Assert.Equal(size > 0 ? 1 : 0, compressed[0]);
        using var decompressed = new PooledBuffer();
        var payload = new ReadOnlySequence<byte>(compressed.AsMemory(5));
        MessageCompression.Decompress(payload, MessageCompression.ReadSize(payload), decompressed, new ReceiveLimits(size));
        Assert.Equal(message, decompressed.Written.ToArray());

        static void WriteBuffered(byte[] bytes, SerializationContext context)
        {
            context.GetBufferWriter().Write(bytes);
            context.Complete();
        }
    }

    [Fact]
    public void Writer_SerializerThatLies_ThrowsAndIsBrokenOnlyWhenBytesAreOut()
    {
        var pipe = new Pipe();
        using var tooFew = new MessageWriter(pipe.Writer, 100);
        Assert.Throws<InvalidOperationException>(() => tooFew.Write(Lying(announced: 5, written: 3), 0, compress: false));
        Assert.True(tooFew.IsBroken);

        using var tooMany = new MessageWriter(pipe.Writer, 100);
        Assert.Throws<InvalidOperationException>(() => tooMany.Write(Lying(announced: 3, written: 5), 0, compress: false));
        Assert.False(tooMany.IsBroken);

        using var tooLarge = new MessageWriter(pipe.Writer, 100);
        Assert.Equal(
            StatusCode.ResourceExhausted,
            Assert.Throws<RpcException>(() => tooLarge.Write(Lying(announced: 101, written: 101), 0, compress: false)).StatusCode);
        Assert.False(tooLarge.IsBroken);

        static Marshaller<int> Lying(int announced, int written) => new(
            (_, context) =>
            {
                context.SetPayloadLength(announced);
                var writer = context.GetBufferWriter();
                writer.GetSpan(written)[..written].Clear();
                writer.Advance(written);
                context.Complete();
            },
            _ => 0);
    }

    private static byte[] RandomStream(Random random)
    {
        var stream = new List<byte>();
        for (var messages = random.Next(20); messages > 0; messages--)
        {
            var message = new byte[random.Next(3) == 0 ? random.Next(4) : random.Next(120)];
            random.NextBytes(message);
            var flag = random.Next(200) == 0 ? (byte)random.Next(256) : (byte)0;
            stream.AddRange(RawHttp.Frame(message, flag, random.Next(100) == 0 ? (uint)random.Next() : null));
        }

        // Some streams are cut off anywhere.
        return random.Next(4) == 0 ? [.. stream.Take(random.Next(stream.Count + 1))] : [.. stream];
    }

    /// <summary>Reads a stream that is there as a whole, in the plainest way.</summary>
    private static (List<byte[]> Messages, string End) Oracle(byte[] stream)
    {
        var messages = new List<byte[]>();
        var at = 0;
        while (true)
        {
            if (at == stream.Length)
            {
                return (messages, "end");
            }

            if (stream.Length - at < 5)
            {
                return (messages, nameof(StatusCode.Internal));
            }

            var length = (uint)((stream[at + 1] << 24) | (stream[at + 2] << 16) | (stream[at + 3] << 8) | stream[at + 4]);
            if (stream[at] > 1)
            {
                return (messages, nameof(StatusCode.Internal));
            }

            if (length > PlainReader.MessageBytesMax)
            {
                return (messages, nameof(StatusCode.ResourceExhausted));
            }

            // Compressed without an encoding, or cut off.
            if (stream.Length - at - 5 < length || stream[at] == 1)
            {
                return (messages, nameof(StatusCode.Internal));
            }

            messages.Add(stream[(at + 5)..(at + 5 + (int)length)]);
            at += 5 + (int)length;
        }
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

    private static async Task<byte[]> WriteAsync<T>(Marshaller<T> marshaller, T message, bool compress)
    {
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        using (var writer = new MessageWriter(pipe.Writer, int.MaxValue))
        {
            writer.Write(marshaller, message, compress);
        }

        await pipe.Writer.CompleteAsync();
        return (await pipe.Reader.ReadAsync()).Buffer.ToArray();
    }

    private sealed class PlainReader(PipeReader pipe) : MessageReader(pipe, new ReceiveLimits(MessageBytesMax), acceptsCompressed: false)
    {
        public const int MessageBytesMax = 100;

        protected override Exception WaitWasCancelled() => new OperationCanceledException();

        protected override Exception Translate(Exception transportFailure) => transportFailure;
    }
}
