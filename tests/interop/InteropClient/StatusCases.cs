using Grpc.Core;
using Grpc.Testing;
using static SealService.Interop.InteropMessages;

namespace SealService.Interop;

internal static class StatusCases
{
    private const string EchoInitial = "x-grpc-test-echo-initial";
    private const string EchoTrailing = "x-grpc-test-echo-trailing-bin";

    public static Task CustomMetadata(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        const string Initial = "test_initial_metadata_value";
        byte[] trailing = [0xAB, 0xAB, 0xAB];
        var metadata = new CallOptions(new Metadata { { EchoInitial, Initial }, { EchoTrailing, trailing } });

        using (var unary = client.UnaryCallAsync(LargeRequest(), metadata))
        {
            ExpectZeros(LargeResponseBytes, (await unary).Payload);
            await ExpectEchoesAsync(unary);
        }

        using var duplex = client.FullDuplexCall(metadata);
        var request = OutputRequest(LargeResponseBytes);
        request.Payload = Zeros(LargeRequestBytes);
        await duplex.RequestStream.WriteAsync(request);
        await duplex.RequestStream.CompleteAsync();
        Expect.True(await duplex.ResponseStream.MoveNext(), "no response");
        Expect.True(!await duplex.ResponseStream.MoveNext(), "too many responses");
        await ExpectEchoesAsync(duplex);

        async Task ExpectEchoesAsync(AsyncCall call)
        {
            Expect.Equal(Initial, (await call.ResponseHeadersAsync).GetValue(EchoInitial), "initial metadata");
            ExpectEcho(trailing, call.GetTrailers());
        }
    });

    /// <summary>
    /// Every byte, and every padding of base64. One value a call: HttpClient joins those of one key with a comma, as the specification
    /// lets it, and gRPC core takes such a header for damaged.
    /// </summary>
    public static Task BinaryMetadata(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        foreach (var value in (byte[][])[[0], [0xFB, 0xFF], [1, 2, 3], [.. Enumerable.Range(0, 256).Select(number => (byte)number)]])
        {
            using var call = client.UnaryCallAsync(new SimpleRequest(), new Metadata { { EchoTrailing, value } });
            await call;
            ExpectEcho(value, call.GetTrailers());
        }
    });

    public static Task StatusCodeAndMessage(InteropPeer peer, string message) => peer.WithClientAsync(async client =>
    {
        var wanted = new EchoStatus { Code = (int)StatusCode.Unknown, Message = message };
        var unary = await Expect.StatusAsync(StatusCode.Unknown, async () => await client.UnaryCallAsync(new SimpleRequest { ResponseStatus = wanted }));
        Expect.Equal(message, unary.Status.Detail, "message");

        using var duplex = client.FullDuplexCall();
        await duplex.RequestStream.WriteAsync(new StreamingOutputCallRequest { ResponseStatus = wanted });
        await duplex.RequestStream.CompleteAsync();
        var streamed = await Expect.StatusAsync(StatusCode.Unknown, () => duplex.ResponseStream.MoveNext());
        Expect.Equal(message, streamed.Status.Detail, "message");
    });

    /// <summary>An error for programs: a google.rpc.Status in grpc-status-details-bin.</summary>
    public static Task StatusDetails(InteropPeer peer) => peer.WithClientAsync(async client =>
    {
        var wanted = new EchoStatus { Code = (int)StatusCode.FailedPrecondition, Message = "not yet ☺" };
        var failure = await Expect.StatusAsync(
            StatusCode.FailedPrecondition,
            async () => await client.UnaryCallAsync(new SimpleRequest { ResponseStatus = wanted }));
        var status = failure.GetRpcStatus();
        Expect.Equal(wanted.Code, status?.Code, "code in the details");
        Expect.Equal(wanted.Message, status?.Message, "message in the details");
        Expect.Equal(wanted, status?.GetDetail<EchoStatus>(), "detail");
    });

    public static Task UnimplementedMethod(InteropPeer peer) => peer.WithClientAsync(client =>
        Expect.StatusAsync(StatusCode.Unimplemented, async () => await client.UnimplementedCallAsync(new Empty())));

    public static async Task UnimplementedService(InteropPeer peer)
    {
        using var channel = peer.Connect();
        var client = new UnimplementedService.UnimplementedServiceClient(channel);
        await Expect.StatusAsync(StatusCode.Unimplemented, async () => await client.UnimplementedCallAsync(new Empty()));
    }

    private static void ExpectEcho(byte[] expected, Metadata trailers) => Expect.Equal(
        Convert.ToHexString(expected),
        string.Join(' ', trailers.GetAll(EchoTrailing).Select(entry => Convert.ToHexString(entry.ValueBytes))),
        "trailing metadata");
}
