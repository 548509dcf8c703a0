using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Wire;
using Xunit;

namespace SealService.Tests.Grpc;

/// <summary>The codecs against published examples; against random bytes: <see cref="CodecFuzzTests"/>, <see cref="MessageReaderFuzzTests"/>.</summary>
public sealed class WireTests
{
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
    public void PercentEncoding_LongText_IsCutBetweenCharacters()
    {
        var text = new string('x', PercentEncoding.TextCharsMax - 1) + "😈";

        Assert.Equal(new string('x', PercentEncoding.TextCharsMax - 1), PercentEncoding.Encode(text));
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
}
