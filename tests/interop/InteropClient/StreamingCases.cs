using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Testing;
using static SealService.Interop.InteropMessages;

namespace SealService.Interop;

internal static class StreamingCases
{
    public static Task ClientStreaming(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var call = client.StreamingInputCall();
        foreach (var size in RequestSizes)
        {
            await call.RequestStream.WriteAsync(new StreamingInputCallRequest { Payload = Zeros(size) });
        }

        await call.RequestStream.CompleteAsync();
        Expect.Equal(74922, (await call).AggregatedPayloadSize, "sum");
    });

    public static Task ClientCompressedStreaming(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        if (peer.SeesCompression)
        {
            using var probe = client.StreamingInputCall();
            await probe.RequestStream.WriteAsync(InputRequest(27182, expectCompressed: true));
            await probe.RequestStream.CompleteAsync();
            await Expect.StatusAsync(StatusCode.InvalidArgument, () => probe.ResponseAsync);
        }

        using var call = client.StreamingInputCall(Compressed);
        await call.RequestStream.WriteAsync(InputRequest(27182, expectCompressed: true));
        call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.NoCompress);
        await call.RequestStream.WriteAsync(InputRequest(45904, expectCompressed: false));
        await call.RequestStream.CompleteAsync();
        Expect.Equal(73086, (await call).AggregatedPayloadSize, "sum");
    });

    public static Task ServerStreaming(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var call = client.StreamingOutputCall(OutputRequest(ResponseSizes));
        await ExpectResponsesAsync(ResponseSizes, call.ResponseStream);
        Expect.Equal(StatusCode.OK, call.GetStatus().StatusCode, "status");
    });

    public static Task ServerCompressedStreaming(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        var request = OutputRequest(31415, 92653);
        request.ResponseParameters[0].Compressed = new BoolValue { Value = true };
        request.ResponseParameters[1].Compressed = new BoolValue { Value = false };
        using var call = client.StreamingOutputCall(request);
        foreach (var wanted in request.ResponseParameters)
        {
            Expect.True(await call.ResponseStream.MoveNext(), "a response is missing");
            ExpectZeros(wanted.Size, call.ResponseStream.Current.Payload);
            Expect.Equal(wanted.Compressed.Value, call.ResponseStream.LastMessageWasCompressed, "compressed flag");
        }

        Expect.True(!await call.ResponseStream.MoveNext(), "too many responses");
    });

    public static Task PingPong(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var call = client.FullDuplexCall();
        foreach (var (requestSize, responseSize) in RequestSizes.Zip(ResponseSizes))
        {
            await PingAsync(call, requestSize, responseSize);
        }

        await call.RequestStream.CompleteAsync();
        Expect.True(!await call.ResponseStream.MoveNext(), "too many responses");
        Expect.Equal(StatusCode.OK, call.GetStatus().StatusCode, "status");
    });

    public static Task HalfDuplex(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var call = client.HalfDuplexCall();
        foreach (var size in ResponseSizes)
        {
            await call.RequestStream.WriteAsync(OutputRequest(size));
        }

        await call.RequestStream.CompleteAsync();
        await ExpectResponsesAsync(ResponseSizes, call.ResponseStream);
    });

    public static Task EmptyStream(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var call = client.FullDuplexCall();
        await call.RequestStream.CompleteAsync();
        await ExpectResponsesAsync([], call.ResponseStream);
        Expect.Equal(StatusCode.OK, call.GetStatus().StatusCode, "status");
    });

    public static Task CancelAfterBegin(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var cancellation = new CancellationTokenSource();
        using var call = client.StreamingInputCall(cancellationToken: cancellation.Token);
        await cancellation.CancelAsync();
        await Expect.StatusAsync(StatusCode.Cancelled, () => call.ResponseAsync);
    });

    public static Task CancelAfterFirstResponse(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var cancellation = new CancellationTokenSource();
        using var call = client.FullDuplexCall(cancellationToken: cancellation.Token);
        await PingAsync(call, requestSize: 27182, responseSize: 31415);
        await cancellation.CancelAsync();
        await Expect.StatusAsync(StatusCode.Cancelled, () => call.ResponseStream.MoveNext());
    });

    public static Task TimeoutOnSleepingServer(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var call = client.FullDuplexCall(deadline: DateTime.UtcNow.AddMilliseconds(1));
        await WriteWhileTakenAsync(call.RequestStream, new StreamingOutputCallRequest { Payload = Zeros(27182) }, times: 1);
        await Expect.StatusAsync(StatusCode.DeadlineExceeded, () => call.ResponseStream.MoveNext());
    });

    /// <summary>The server's error must arrive although the client has more to send.</summary>
    public static Task StatusWhileUploading(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        using var call = client.FullDuplexCall();
        await call.RequestStream.WriteAsync(new StreamingOutputCallRequest
        {
            ResponseStatus = new EchoStatus { Code = (int)StatusCode.FailedPrecondition, Message = "stop" },
        });
        await WriteWhileTakenAsync(call.RequestStream, new StreamingOutputCallRequest { Payload = Zeros(100_000) }, times: 200);
        var failure = await Expect.StatusAsync(StatusCode.FailedPrecondition, () => call.ResponseStream.MoveNext());
        Expect.Equal("stop", failure.Status.Detail, "message");
    });

    private static async Task WriteWhileTakenAsync(
        ClientStreamWriter<StreamingOutputCallRequest> requests,
        StreamingOutputCallRequest request,
        int times)
    {
        try
        {
            for (var i = 0; i < times; i++)
            {
                await requests.WriteAsync(request);
            }
        }
        catch (RpcException)
        {
            // No more is taken; why, the responses tell.
        }
    }

    private static async Task PingAsync(
        AsyncDuplexStreamingCall<StreamingOutputCallRequest, StreamingOutputCallResponse> call,
        int requestSize,
        int responseSize)
    {
        var request = OutputRequest(responseSize);
        request.Payload = Zeros(requestSize);
        await call.RequestStream.WriteAsync(request);
        Expect.True(await call.ResponseStream.MoveNext(), "no response");
        ExpectZeros(responseSize, call.ResponseStream.Current.Payload);
    }

    private static async Task ExpectResponsesAsync(int[] sizes, ClientStreamReader<StreamingOutputCallResponse> responses)
    {
        foreach (var size in sizes)
        {
            Expect.True(await responses.MoveNext(), "a response is missing");
            ExpectZeros(size, responses.Current.Payload);
        }

        Expect.True(!await responses.MoveNext(), "too many responses");
    }
}
