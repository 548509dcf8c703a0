using System.IO.Compression;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1;
using Grpc.Server;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>What bounds a server over all of its calls: memory of large messages, the number of calls, and its stop.</summary>
public sealed class OverloadTests
{
    private const string UnaryPath = "/test.Echo/Unary";
    private const string DuplexPath = "/test.Echo/DuplexStreaming";
    private const int RoomBytes = 1_000_000;
    private const int LargeBytes = 700_000;
    private const int UnfinishedBytes = 600_000;
    private const int AttemptsMax = 1000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(UnaryPath)]
    [InlineData(DuplexPath)]
    public async Task LargeMessages_UnfinishedOverTheBudget_AreRefusedUntilThereIsRoom(string path)
    {
        var time = new ManualTimeProvider();
        await using var host = await StartAsync(options => options.IdleReadTimeout = TimeSpan.FromSeconds(60), time);
        var survivor = SendUnfinishedAsync();
        while ((await SendCompressedAsync(host, RoomBytes - UnfinishedBytes)).GrpcStatus != "8")
        {
            // It is refused itself when its bytes come while one of these messages has the room.
            survivor = survivor.IsCompleted ? SendUnfinishedAsync() : survivor;
            await Task.Delay(10, Cancellation); // there is no event that says that all of it has arrived
        }

        // There is room for one of the two.
        var refused = await SendUnfinishedAsync();

        Assert.Equal("8", refused.GrpcStatus);
        Assert.Contains("(MaxAssemblyBytes)", refused.GrpcMessage, StringComparison.Ordinal);
        Assert.Contains("grpc-status-details-bin", refused.Headers);
        Assert.Equal("0", (await RawHttp.PostAsync(host.Address, UnaryPath, RawHttp.Frame(new byte[60_000]))).GrpcStatus);
        Assert.Equal("8", (await SendCompressedAsync(host)).GrpcStatus);
        Assert.False(survivor.IsCompleted);

        while (!survivor.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        Assert.Equal("4", (await survivor).GrpcStatus);
        await AssertServedSoonAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1)); // the server drains the ended call by this clock
            return SendCompressedAsync(host);
        });

        Task<RawHttp.Answer> SendUnfinishedAsync() =>
            RawHttp.PostAsync(host.Address, path, RawHttp.Frame(new byte[UnfinishedBytes], announced: LargeBytes), endsBody: false);
    }

    [Fact]
    public async Task DecompressedMessage_HoldsItsRoomUntilTheReaderWaitsAgain()
    {
        var holds = new TaskCompletionSource();
        var mayWait = new TaskCompletionSource();
        var waits = new TaskCompletionSource();
        using var end = new CancellationTokenSource();
        await using var host = await GrpcTestHost.StartAsync(server =>
        {
            SetRoomForOne(server.Options);
            server.AddService(BindUnary((request, _) => Task.FromResult(request)));
            server.AddDuplex(async (requests, _, _) =>
            {
                Assert.True(await requests.WaitToReadAsync());
                Assert.True(requests.TryRead(out var message));
                Assert.Equal(LargeBytes, message.Length);
                holds.SetResult();
                await mayWait.Task;
                var wait = requests.WaitToReadAsync(end.Token);
                waits.SetResult();
                await wait;
            });
        });
        var holder = RawHttp.PostAsync(
            host.Address, DuplexPath, RawHttp.Frame(Gzip(LargeBytes), flag: 1), endsBody: false, headers: ("grpc-encoding", "gzip"));
        await holds.Task;

        Assert.Equal("8", (await SendCompressedAsync(host)).GrpcStatus);
        mayWait.SetResult();
        await waits.Task;

        Assert.Equal("0", (await SendCompressedAsync(host)).GrpcStatus);
        Assert.False(holder.IsCompleted);
        await end.CancelAsync();
        await holder;
    }

    [Fact]
    public async Task Message_ThatTricklesIn_EndsAtTheIdleTimeoutOfItsFirstByte()
    {
        const int Pieces = 30;
        var time = new ManualTimeProvider();
        await using var host = await StartAsync(options => options.IdleReadTimeout = TimeSpan.FromSeconds(60), time);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var body = new Pipe();
        var answering = PostAsync(DuplexPath, new StreamContent(body.Reader.AsStream()));
        await body.Writer.WriteAsync(RawHttp.Frame([], announced: 1000), Cancellation);

        // A byte every ten seconds. The call on the same connection comes behind it, so the server has received it.
        for (var piece = 0; piece < Pieces && !answering.IsCompleted; piece++)
        {
            await body.Writer.WriteAsync(new byte[1], Cancellation);
            using var ping = await PostAsync(UnaryPath, new ByteArrayContent(RawHttp.Frame("ping"u8)));
            await ping.Content.ReadAsByteArrayAsync(Cancellation);
            time.Advance(TimeSpan.FromSeconds(10));
        }

        await body.Writer.CompleteAsync();
        using var answer = await answering;
        Assert.Equal(["4"], answer.Headers.GetValues("grpc-status"));
        Assert.Contains("(IdleReadTimeout)", Uri.UnescapeDataString(answer.Headers.GetValues("grpc-message").Single()), StringComparison.Ordinal);

        Task<HttpResponseMessage> PostAsync(string path, HttpContent content)
        {
            content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/grpc");
            var request = new HttpRequestMessage(HttpMethod.Post, host.Address + path)
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = content,
            };
            return client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        }
    }

    [Fact]
    public async Task Calls_OverTheLimit_AreRefusedInHeadersAloneUntilOneEnds()
    {
        await using var host = await StartAsync(options => options.MaxConcurrentCalls = 1);
        var invoker = host.Channel.CreateCallInvoker();
        using var running = invoker.CallDuplex();
        await running.RequestStream.WriteAsync(Bytes("x"), Cancellation);
        Assert.True(await running.ResponseStream.MoveNext(Cancellation));

        // The body stays open with nothing in it: the answer waits for none of it.
        var answer = await RawHttp.PostAsync(host.Address, DuplexPath, [], endsBody: false);
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await invoker.CallUnary(Bytes("y")));

        Assert.Equal("8", answer.Headers["grpc-status"]);
        Assert.Contains("(MaxConcurrentCalls)", answer.GrpcMessage, StringComparison.Ordinal);
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.True(failure.GetRetryDelay() > TimeSpan.Zero);

        await running.RequestStream.CompleteAsync();
        Assert.False(await running.ResponseStream.MoveNext(Cancellation));
        await AssertServedSoonAsync(() => RawHttp.PostAsync(host.Address, UnaryPath, RawHttp.Frame("y"u8)));
    }

    [Fact]
    public async Task Draining_RefusesNewCallsAndEndsReflection_RunningCallsAndHealthChecksGoOn()
    {
        using var draining = new CancellationTokenSource();
        var seen = new TaskCompletionSource();
        await using var host = await GrpcTestHost.StartAsync(server =>
        {
            server.Options.Draining = draining.Token;
            server.AddService(BindUnary((request, _) => Task.FromResult(request)));
            server.AddDuplex(async (requests, responses, context) =>
            {
                context.GetDraining().Register(seen.SetResult);
                await RawDoorTests.EchoAsync(requests, responses, context);
            });
            server.AddService(Health.BindService(new HealthService())).AddReflection(Health.Descriptor);
        });
        var invoker = host.Channel.CreateCallInvoker();
        using var running = invoker.CallDuplex();
        await running.RequestStream.WriteAsync(Bytes("before"), Cancellation);
        Assert.True(await running.ResponseStream.MoveNext(Cancellation));
        using var reflection = new ServerReflection.ServerReflectionClient(host.Channel).ServerReflectionInfo(cancellationToken: Cancellation);
        await reflection.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "*" }, Cancellation);
        Assert.True(await reflection.ResponseStream.MoveNext(Cancellation));

        await draining.CancelAsync();

        await seen.Task;
        var ended = await Assert.ThrowsAsync<RpcException>(() => reflection.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(new Status(StatusCode.Unavailable, "The server is stopping."), ended.Status);
        var refused = await RawHttp.PostAsync(host.Address, UnaryPath, [], endsBody: false);
        Assert.Equal("14", refused.Headers["grpc-status"]);
        Assert.Equal("The server is stopping.", refused.GrpcMessage);
        var health = await new Health.HealthClient(host.Channel).CheckAsync(new HealthCheckRequest(), cancellationToken: Cancellation);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, health.Status);
        await running.RequestStream.WriteAsync(Bytes("after"), Cancellation);
        Assert.True(await running.ResponseStream.MoveNext(Cancellation));
    }

    [Fact]
    public async Task LimitErrors_NameTheOptionAsTheHostDoes()
    {
        await using var host = await StartAsync(options =>
        {
            options.MaxReceiveMessageBytes = 1000;
            options.MaxSendMessageBytes = 900;
            options.LimitName = name => $"Host:{name}";
        });

        Assert.Equal(
            "The message has 1001 bytes, over the limit of 1000 (Host:MaxReceiveMessageBytes).",
            (await RawHttp.PostAsync(host.Address, UnaryPath, RawHttp.Frame(new byte[1001]))).GrpcMessage);
        Assert.Equal(
            "The message has 1001 bytes when decompressed, over the limit of 1000 (Host:MaxReceiveMessageBytes).",
            (await SendCompressedAsync(host, 1001)).GrpcMessage);
        Assert.Equal(
            "The message to send has 901 bytes, over the limit of 900 (Host:MaxSendMessageBytes).",
            (await RawHttp.PostAsync(host.Address, UnaryPath, RawHttp.Frame(new byte[901]))).GrpcMessage);
    }

    private static Task<GrpcTestHost> StartAsync(Action<GrpcServerOptions> configure, TimeProvider? time = null) => GrpcTestHost.StartAsync(
        server =>
        {
            SetRoomForOne(server.Options);
            server.AddService(BindUnary((request, _) => Task.FromResult(request)));
            server.AddDuplex(RawDoorTests.EchoAsync);
            configure(server.Options);
        },
        time);

    private static void SetRoomForOne(GrpcServerOptions options)
    {
        options.MaxReceiveMessageBytes = RoomBytes;
        options.MaxAssemblyBytes = RoomBytes;
    }

    /// <summary>A compressed message needs room also when it arrives in one piece.</summary>
    private static Task<RawHttp.Answer> SendCompressedAsync(GrpcTestHost host, int bytes = LargeBytes) =>
        RawHttp.PostAsync(host.Address, UnaryPath, RawHttp.Frame(Gzip(bytes), flag: 1), headers: ("grpc-encoding", "gzip"));

    /// <summary>A client hears the end of a call before the server has given back what the call held.</summary>
    private static async Task AssertServedSoonAsync(Func<Task<RawHttp.Answer>> call)
    {
        for (var attempt = 1; (await call()).GrpcStatus is var status && status != "0"; attempt++)
        {
            Assert.Equal("8", status);
            Assert.True(attempt < AttemptsMax, $"refused {attempt} times");
            await Task.Delay(10, TestContext.Current.CancellationToken); // there is no event to wait for from out here
        }
    }

    private static byte[] Gzip(int zeros)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(new byte[zeros]);
        }

        return compressed.ToArray();
    }
}
