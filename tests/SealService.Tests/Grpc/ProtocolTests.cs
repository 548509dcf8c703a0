using System.IO.Compression;
using System.Net;
using Grpc.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>What the server makes of requests that are wrong, or unusual, on the level of HTTP and of frames.</summary>
public sealed class ProtocolTests
{
    private const string Unary = "/test.Echo/Unary";

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/grpc-web")]
    [InlineData("application/grpcx")]
    public async Task Request_OtherContentType_Http415(string contentType)
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame([]), contentType);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.HttpStatus);
        Assert.Null(answer.GrpcStatus);
    }

    [Theory]
    [InlineData("application/grpc")]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc;charset=utf-8")]
    public async Task Request_GrpcContentType_IsServed(string contentType)
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame("x"u8), contentType);

        Assert.Equal("0", answer.Trailers["grpc-status"]);
        Assert.Equal(RawHttp.Frame("x"u8), answer.Body);
    }

    [Fact]
    public async Task Request_Http11_Http426()
    {
        await using var host = await StartEchoAsync(protocols: HttpProtocols.Http1);

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame([]), version: HttpVersion.Version11);

        Assert.Equal(HttpStatusCode.UpgradeRequired, answer.HttpStatus);
    }

    [Fact]
    public async Task Request_OtherMethodThanPost_Http405()
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame([]), method: HttpMethod.Put);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.HttpStatus);
    }

    [Theory]
    [InlineData("/test.Echo/Nothing")]
    [InlineData("/test.Nothing/Unary")]
    [InlineData("/test.Echo/unary")]
    public async Task Request_UnknownPath_UnimplementedInHeadersAlone(string path)
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, path, RawHttp.Frame([]));

        Assert.Equal(HttpStatusCode.OK, answer.HttpStatus);
        Assert.Equal("12", answer.Headers["grpc-status"]);
        Assert.Empty(answer.Trailers);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(255)]
    public async Task Message_UnknownFlag_Internal(byte flag)
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame("x"u8, flag));

        Assert.Equal("13", answer.GrpcStatus);
    }

    [Fact]
    public async Task Unary_NoMessage_Internal()
    {
        await using var host = await StartEchoAsync();

        Assert.Equal("13", (await RawHttp.PostAsync(host.Address, Unary, [])).GrpcStatus);
    }

    [Fact]
    public async Task Unary_SecondMessage_Internal()
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, Unary, [.. RawHttp.Frame("x"u8), .. RawHttp.Frame("y"u8)]);

        Assert.Equal("13", answer.GrpcStatus);
    }

    [Theory]
    [InlineData(Unary)]
    [InlineData("/test.Echo/DuplexStreaming")]
    public async Task Stream_EndsInsideAMessage_Internal(string path)
    {
        await using var host = await StartEchoAsync();

        Assert.Equal("13", (await RawHttp.PostAsync(host.Address, path, RawHttp.Frame("x"u8, announced: 2))).GrpcStatus);
        Assert.Equal("13", (await RawHttp.PostAsync(host.Address, path, [0, 0, 0])).GrpcStatus);
    }

    [Theory]
    [InlineData(Unary)]
    [InlineData("/test.Echo/DuplexStreaming")]
    public async Task Message_AnnouncedOverTheLimit_ResourceExhaustedBeforeItIsSent(string path)
    {
        await using var host = await StartEchoAsync(options => options.MaxReceiveMessageBytes = 1000);

        // The body stays open behind the prefix: the answer can't be to what would follow.
        var answer = await RawHttp.PostAsync(host.Address, path, RawHttp.Frame([], announced: 1001), endsBody: false);

        Assert.Equal("8", answer.GrpcStatus);
    }

    [Fact]
    public async Task Message_ExactlyAtTheLimit_IsServed()
    {
        await using var host = await StartEchoAsync(options => options.MaxReceiveMessageBytes = 1000);

        Assert.Equal("0", (await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame(new byte[1000]))).GrpcStatus);
    }

    [Fact]
    public async Task Response_OverTheLimit_ResourceExhausted()
    {
        await using var host = await StartEchoAsync(options => options.MaxSendMessageBytes = 1000);

        Assert.Equal("8", (await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame(new byte[1001]))).GrpcStatus);
    }

    [Fact]
    public async Task Compressed_Gzip_IsRead()
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame(Gzip("plain"u8), flag: 1), headers: ("grpc-encoding", "gzip"));

        Assert.Equal(RawHttp.Frame("plain"u8), answer.Body);
        Assert.Equal("0", answer.GrpcStatus);
    }

    [Fact]
    public async Task Compressed_WithoutEncoding_Internal()
    {
        await using var host = await StartEchoAsync();

        Assert.Equal("13", (await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame(Gzip("plain"u8), flag: 1))).GrpcStatus);
    }

    [Fact]
    public async Task Compressed_UnknownEncoding_UnimplementedWithWhatIsAccepted()
    {
        await using var host = await StartEchoAsync();

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame("x"u8), headers: ("grpc-encoding", "snappy"));

        Assert.Equal("12", answer.GrpcStatus);
        Assert.Equal("identity,gzip", answer.Headers["grpc-accept-encoding"]);
    }

    [Fact]
    public async Task Compressed_Bomb_ResourceExhausted()
    {
        await using var host = await StartEchoAsync(options => options.MaxReceiveMessageBytes = 100_000);
        var bomb = Gzip(new byte[50_000_000]);
        Assert.True(bomb.Length < 100_000);

        Assert.Equal("8", (await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame(bomb, flag: 1), headers: ("grpc-encoding", "gzip"))).GrpcStatus);
    }

    [Fact]
    public async Task Compressed_NotGzipOrCutOff_Internal()
    {
        await using var host = await StartEchoAsync();
        var whole = Gzip(new byte[1000]);

        foreach (var bytes in new[] { "not gzip"u8.ToArray(), whole[..^9] })
        {
            Assert.Equal("13", (await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame(bytes, flag: 1), headers: ("grpc-encoding", "gzip"))).GrpcStatus);
        }
    }

    [Fact]
    public async Task Response_ClientAcceptsGzip_IsCompressed()
    {
        await using var host = await StartEchoAsync(options => options.CompressResponses = true);
        var document = new byte[10_000];

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame(document), headers: ("grpc-accept-encoding", "deflate, gzip"));

        Assert.Equal("gzip", answer.Headers["grpc-encoding"]);
        Assert.Equal(1, answer.Body[0]);
        Assert.Equal(document, Gunzip(answer.Body[5..]));
    }

    [Fact]
    public async Task Response_ClientDoesNotAcceptGzip_IsNotCompressed()
    {
        await using var host = await StartEchoAsync(options => options.CompressResponses = true);

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame("plain"u8));

        Assert.Equal(RawHttp.Frame("plain"u8), answer.Body);
        Assert.False(answer.Headers.ContainsKey("grpc-encoding"));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("-1S")]
    [InlineData("123456789S")]
    [InlineData("1x")]
    [InlineData("")]
    public async Task Timeout_Malformed_IsIgnored(string timeout)
    {
        await using var host = await StartEchoAsync();

        Assert.Equal("0", (await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame([]), headers: ("grpc-timeout", timeout))).GrpcStatus);
    }

    [Fact]
    public async Task Timeout_Longest_IsServedWithTheLongestDeadline()
    {
        DateTime deadline = default;
        var time = new ManualTimeProvider();
        await using var host = await GrpcTestHost.StartAsync(
            server => server.AddService(BindUnary((request, context) =>
            {
                deadline = context.Deadline;
                return Task.FromResult(request);
            })),
            time);

        var answer = await RawHttp.PostAsync(host.Address, Unary, RawHttp.Frame([]), headers: ("grpc-timeout", "99999999H"));

        Assert.Equal("0", answer.GrpcStatus);
        Assert.Equal(time.GetUtcNow().UtcDateTime + TimeSpan.FromDays(30), deadline);
    }

    [Fact]
    public async Task Request_HostileBytes_NeverEndInAnythingButAStatus()
    {
        await using var host = await StartEchoAsync(options => options.MaxReceiveMessageBytes = 1000);
        var random = new Random(20261121);

        for (var round = 0; round < 100; round++)
        {
            var bytes = new byte[random.Next(60)];
            random.NextBytes(bytes);
            if (bytes.Length > 4 && random.Next(2) == 0)
            {
                (bytes[0], bytes[1], bytes[2], bytes[3]) = (0, 0, 0, 0);
            }

            var answer = await RawHttp.PostAsync(host.Address, "/test.Echo/DuplexStreaming", bytes);

            Assert.True(answer.GrpcStatus is "0" or "8" or "13", $"{answer.GrpcStatus} for {Convert.ToHexString(bytes)}");
        }
    }

    private static Task<GrpcTestHost> StartEchoAsync(Action<GrpcServerOptions>? configure = null, HttpProtocols protocols = HttpProtocols.Http2) =>
        GrpcTestHost.StartAsync(
            server =>
            {
                server.AddService(BindUnary((request, _) => Task.FromResult(request)));
                server.AddDuplex(RawDoorTests.EchoAsync);
                configure?.Invoke(server.Options);
            },
            protocols: protocols);

    private static byte[] Gzip(ReadOnlySpan<byte> plain)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal))
        {
            gzip.Write(plain);
        }

        return compressed.ToArray();
    }

    private static byte[] Gunzip(byte[] compressed)
    {
        var plain = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(compressed), CompressionMode.Decompress);
        gzip.CopyTo(plain);
        return plain.ToArray();
    }
}
