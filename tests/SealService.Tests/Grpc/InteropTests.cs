using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Testing;
using SealService.Interop;
using Xunit;

namespace SealService.Tests.Grpc;

/// <summary>gRPC's interoperability cases, our client against our server, by generated code. tests/interop runs foreign clients.</summary>
public sealed class InteropTests : IAsyncLifetime
{
    private const int LargeRequestBytes = 271828;
    private const int LargeResponseBytes = 314159;
    private static readonly int[] RequestSizes = [27182, 8, 1828, 45904];
    private static readonly int[] ResponseSizes = [31415, 9, 2653, 58979];

    private GrpcTestHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static CallOptions Compressed => new(new Metadata { { "grpc-internal-encoding-request", "gzip" } });

    private TestService.TestServiceClient Client => new(_host.Channel);

    public async ValueTask InitializeAsync() =>
        _host = await GrpcTestHost.StartAsync(server => server.AddService(TestService.BindService(new InteropTestService())));

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task EmptyUnary() => Assert.Equal(new Empty(), await Client.EmptyCallAsync(new Empty(), cancellationToken: Cancellation));

    [Fact]
    public async Task LargeUnary()
    {
        var response = await Client.UnaryCallAsync(LargeRequest(), cancellationToken: Cancellation);

        Assert.Equal(Zeros(LargeResponseBytes), response.Payload);
    }

    [Fact]
    public async Task ClientCompressedUnary()
    {
        var expecting = LargeRequest();
        expecting.ExpectCompressed = new BoolValue { Value = true };

        // The probe: not compressed, although it says so.
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await Client.UnaryCallAsync(expecting, cancellationToken: Cancellation));
        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);

        Assert.Equal(LargeResponseBytes, (await Client.UnaryCallAsync(expecting, Compressed)).Payload.Body.Length);
        expecting.ExpectCompressed.Value = false;
        Assert.Equal(LargeResponseBytes, (await Client.UnaryCallAsync(expecting, cancellationToken: Cancellation)).Payload.Body.Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ServerCompressedUnary(bool compressed)
    {
        var request = LargeRequest();
        request.ResponseCompressed = new BoolValue { Value = compressed };

        Assert.Equal(Zeros(LargeResponseBytes), (await Client.UnaryCallAsync(request, cancellationToken: Cancellation)).Payload);
    }

    [Fact]
    public async Task ClientStreaming()
    {
        using var call = Client.StreamingInputCall(cancellationToken: Cancellation);
        foreach (var size in RequestSizes)
        {
            await call.RequestStream.WriteAsync(new StreamingInputCallRequest { Payload = Zeros(size) }, Cancellation);
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal(74922, (await call).AggregatedPayloadSize);
    }

    [Fact]
    public async Task ClientCompressedStreaming()
    {
        using (var probe = Client.StreamingInputCall(cancellationToken: Cancellation))
        {
            await probe.RequestStream.WriteAsync(Input(27182, expectCompressed: true), Cancellation);
            await probe.RequestStream.CompleteAsync();
            Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => probe.ResponseAsync)).StatusCode);
        }

        using var call = Client.StreamingInputCall(Compressed);
        await call.RequestStream.WriteAsync(Input(27182, expectCompressed: true), Cancellation);
        call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.NoCompress);
        await call.RequestStream.WriteAsync(Input(45904, expectCompressed: false), Cancellation);
        await call.RequestStream.CompleteAsync();
        Assert.Equal(73086, (await call).AggregatedPayloadSize);

        static StreamingInputCallRequest Input(int size, bool expectCompressed) =>
            new() { Payload = Zeros(size), ExpectCompressed = new BoolValue { Value = expectCompressed } };
    }

    [Fact]
    public async Task ServerStreaming()
    {
        using var call = Client.StreamingOutputCall(Output(ResponseSizes), cancellationToken: Cancellation);

        var sizes = await call.ResponseStream.ReadAllAsync(Cancellation).Select(response => response.Payload.Body.Length).ToArrayAsync(Cancellation);

        Assert.Equal(ResponseSizes, sizes);
    }

    [Fact]
    public async Task ServerCompressedStreaming()
    {
        var request = Output([31415, 92653]);
        request.ResponseParameters[0].Compressed = new BoolValue { Value = true };
        request.ResponseParameters[1].Compressed = new BoolValue { Value = false };
        using var call = Client.StreamingOutputCall(request, cancellationToken: Cancellation);

        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        Assert.True(call.ResponseStream.LastMessageWasCompressed);
        Assert.Equal(31415, call.ResponseStream.Current.Payload.Body.Length);
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        Assert.False(call.ResponseStream.LastMessageWasCompressed);
        Assert.Equal(92653, call.ResponseStream.Current.Payload.Body.Length);
        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
    }

    [Fact]
    public async Task PingPong()
    {
        using var call = Client.FullDuplexCall(cancellationToken: Cancellation);
        foreach (var (requestSize, responseSize) in RequestSizes.Zip(ResponseSizes))
        {
            var request = Output([responseSize]);
            request.Payload = Zeros(requestSize);
            await call.RequestStream.WriteAsync(request, Cancellation);
            Assert.True(await call.ResponseStream.MoveNext(Cancellation));
            Assert.Equal(responseSize, call.ResponseStream.Current.Payload.Body.Length);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
    }

    [Fact]
    public async Task HalfDuplex()
    {
        using var call = Client.HalfDuplexCall(cancellationToken: Cancellation);
        foreach (var size in ResponseSizes)
        {
            await call.RequestStream.WriteAsync(Output([size]), Cancellation);
        }

        await call.RequestStream.CompleteAsync();
        var sizes = await call.ResponseStream.ReadAllAsync(Cancellation).Select(response => response.Payload.Body.Length).ToArrayAsync(Cancellation);

        Assert.Equal(ResponseSizes, sizes);
    }

    [Fact]
    public async Task EmptyStream()
    {
        using var call = Client.FullDuplexCall(cancellationToken: Cancellation);
        await call.RequestStream.CompleteAsync();

        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task CustomMetadata()
    {
        var metadata = new Metadata
        {
            { "x-grpc-test-echo-initial", "test_initial_metadata_value" },
            { "x-grpc-test-echo-trailing-bin", [0xAB, 0xAB, 0xAB] },
        };

        using (var unary = Client.UnaryCallAsync(LargeRequest(), new CallOptions(metadata)))
        {
            await unary;
            await CheckAsync(unary);
        }

        using var duplex = Client.FullDuplexCall(new CallOptions(metadata));
        var request = Output([LargeResponseBytes]);
        request.Payload = Zeros(LargeRequestBytes);
        await duplex.RequestStream.WriteAsync(request, Cancellation);
        await duplex.RequestStream.CompleteAsync();
        Assert.True(await duplex.ResponseStream.MoveNext(Cancellation));
        Assert.False(await duplex.ResponseStream.MoveNext(Cancellation));
        await CheckAsync(duplex);

        static async Task CheckAsync(AsyncCall call)
        {
            Assert.Equal("test_initial_metadata_value", (await call.ResponseHeadersAsync).GetValue("x-grpc-test-echo-initial"));
            Assert.Equal([0xAB, 0xAB, 0xAB], call.GetTrailers().GetValueBytes("x-grpc-test-echo-trailing-bin")!);
        }
    }

    [Theory]
    [InlineData("test status message")]
    [InlineData("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")]
    public async Task StatusCodeAndMessage(string message)
    {
        var status = new EchoStatus { Code = 2, Message = message };

        var unary = await Assert.ThrowsAsync<RpcException>(async () =>
            await Client.UnaryCallAsync(new SimpleRequest { ResponseStatus = status }, cancellationToken: Cancellation));
        Assert.Equal(new Status(StatusCode.Unknown, message), unary.Status);

        using var duplex = Client.FullDuplexCall(cancellationToken: Cancellation);
        await duplex.RequestStream.WriteAsync(new StreamingOutputCallRequest { ResponseStatus = status }, Cancellation);
        await duplex.RequestStream.CompleteAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(() => duplex.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(new Status(StatusCode.Unknown, message), failure.Status);
    }

    [Fact]
    public async Task UnimplementedMethodAndService()
    {
        var method = await Assert.ThrowsAsync<RpcException>(async () =>
            await Client.UnimplementedCallAsync(new Empty(), cancellationToken: Cancellation));
        Assert.Equal(StatusCode.Unimplemented, method.StatusCode);

        var service = new UnimplementedService.UnimplementedServiceClient(_host.Channel);
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await service.UnimplementedCallAsync(new Empty(), cancellationToken: Cancellation));
        Assert.Equal(StatusCode.Unimplemented, failure.StatusCode);
    }

    [Fact]
    public async Task CancelAfterBegin()
    {
        using var cancellation = new CancellationTokenSource();
        using var call = Client.StreamingInputCall(cancellationToken: cancellation.Token);

        await cancellation.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task CancelAfterFirstResponse()
    {
        using var cancellation = new CancellationTokenSource();
        using var call = Client.FullDuplexCall(cancellationToken: cancellation.Token);
        await call.RequestStream.WriteAsync(Output([31415]), Cancellation);
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));

        await cancellation.CancelAsync();

        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
    }

    [Fact]
    public async Task TimeoutOnSleepingServer()
    {
        using var call = Client.FullDuplexCall(deadline: DateTime.UtcNow.AddMilliseconds(1), cancellationToken: Cancellation);

        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
    }

    [Fact]
    public async Task RpcSoakAndChannelSoak()
    {
        for (var i = 0; i < 10; i++)
        {
            using var channel = _host.CreateChannel(new GrpcChannelOptions());
            var client = new TestService.TestServiceClient(channel);
            for (var call = 0; call < 10; call++)
            {
                Assert.Equal(LargeResponseBytes, (await client.UnaryCallAsync(LargeRequest(), cancellationToken: Cancellation)).Payload.Body.Length);
            }
        }
    }

    [Fact]
    public void BlockingCall() => Assert.Equal(new Empty(), Client.EmptyCall(new Empty(), cancellationToken: Cancellation));

    private static SimpleRequest LargeRequest() => new() { ResponseSize = LargeResponseBytes, Payload = Zeros(LargeRequestBytes) };

    private static StreamingOutputCallRequest Output(int[] sizes)
    {
        var request = new StreamingOutputCallRequest();
        request.ResponseParameters.AddRange(sizes.Select(size => new ResponseParameters { Size = size }));
        return request;
    }

    private static Payload Zeros(int size) => new() { Body = ByteString.CopyFrom(new byte[size]) };
}
