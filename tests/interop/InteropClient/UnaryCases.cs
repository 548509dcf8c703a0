using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Testing;
using static SealService.Interop.InteropMessages;

namespace SealService.Interop;

internal static class UnaryCases
{
    private const int OverTheLimitBytes = 5 * 1024 * 1024;

    // The same bytes on the wire as the unary method, but the stream's reader tells which messages were compressed.
    private static readonly Method<SimpleRequest, SimpleResponse> UnaryAsStream = new(
        MethodType.ServerStreaming,
        "grpc.testing.TestService",
        "UnaryCall",
        Marshallers.Protobuf(SimpleRequest.Parser),
        Marshallers.Protobuf(SimpleResponse.Parser));

    public static Task EmptyUnary(InteropPeer peer) => peer.WithClientAsync(async client =>
        Expect.Equal(new Empty(), await client.EmptyCallAsync(new Empty()), "response"));

    public static Task BlockingUnary(InteropPeer peer) => peer.WithClientAsync(client =>
    {
        Expect.Equal(new Empty(), client.EmptyCall(new Empty()), "response");
        return Task.CompletedTask;
    });

    public static Task LargeUnary(InteropPeer peer) => peer.WithClientAsync(client => LargeUnaryAsync(client, LargeRequest(), default));

    public static Task ClientCompressedUnary(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        var request = LargeRequest();
        request.ExpectCompressed = new BoolValue { Value = true };
        if (peer.SeesCompression)
        {
            // The probe: not compressed, although it says so.
            await Expect.StatusAsync(StatusCode.InvalidArgument, async () => await client.UnaryCallAsync(request));
        }

        await LargeUnaryAsync(client, request, Compressed);
        request.ExpectCompressed.Value = false;
        await LargeUnaryAsync(client, request, Compressed.WithWriteOptions(new WriteOptions(WriteFlags.NoCompress)));
    });

    public static async Task ServerCompressedUnary(InteropPeer peer)
    {
        using var channel = peer.Connect();
        foreach (var compressed in (bool[])[true, false])
        {
            var request = LargeRequest();
            request.ResponseCompressed = new BoolValue { Value = compressed };
            using var call = channel.CreateCallInvoker().AsyncServerStreamingCall(UnaryAsStream, null, default, request);
            Expect.True(await call.ResponseStream.MoveNext(), "no response");
            ExpectZeros(LargeResponseBytes, call.ResponseStream.Current.Payload);
            Expect.Equal(compressed, call.ResponseStream.LastMessageWasCompressed, "compressed flag");
            Expect.True(!await call.ResponseStream.MoveNext(), "a second response");
        }
    }

    public static Task RpcSoak(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        for (var i = 0; i < 100; i++)
        {
            await LargeUnaryAsync(client, LargeRequest(), default);
        }
    });

    public static async Task ChannelSoak(InteropPeer peer)
    {
        for (var i = 0; i < 20; i++)
        {
            await LargeUnary(peer);
        }
    }

    public static Task RequestOverTheLimit(InteropPeer peer)
    {
        var request = new SimpleRequest { Payload = Zeros(OverTheLimitBytes) };
        return peer.WithClientAsync(
            async client =>
            {
                await Expect.StatusAsync(StatusCode.ResourceExhausted, async () => await client.UnaryCallAsync(request));
                // The connection is as good as before.
                await client.EmptyCallAsync(new Empty());
            },
            new GrpcChannelOptions { MaxSendMessageBytes = 2 * OverTheLimitBytes });
    }

    public static Task ResponseOverTheLimit(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        await Expect.StatusAsync(
            StatusCode.ResourceExhausted,
            async () => await client.UnaryCallAsync(new SimpleRequest { ResponseSize = OverTheLimitBytes }));
        await client.EmptyCallAsync(new Empty());
    });

    private static async Task LargeUnaryAsync(TestService.TestServiceClient client, SimpleRequest request, CallOptions options) =>
        ExpectZeros(LargeResponseBytes, (await client.UnaryCallAsync(request, options)).Payload);
}
