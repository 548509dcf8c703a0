using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using SealService.EndToEndTests.HostilePeers;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>What the client makes of streams and connections that end while its requests are still open: the server's reason, never its own.</summary>
public sealed class LostConnectionTests
{
    // Each ending races inside HttpClient; a wrong status showed in nearly every attempt.
    private const int Attempts = 10;

    private static readonly byte[] Head = [0x88, .. Http2Frames.Literal("content-type", "application/grpc")]; // :status 200
    private static readonly byte[] StatusUnavailable = Http2Frames.Literal("grpc-status", "14");
    private static readonly byte[] GoAway = Http2Frames.Frame(Http2FrameType.GoAway, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]);

    public static TheoryData<string, byte[], StatusCode> Endings => new()
    {
        { "nothing", [], StatusCode.Unavailable },
        { "headers", Headers(Head), StatusCode.Unavailable },
        { "GOAWAY", GoAway, StatusCode.Unavailable },
        { "headers, GOAWAY", [.. Headers(Head), .. GoAway], StatusCode.Unavailable },
        { "headers, reset without error", [.. Headers(Head), .. Reset(0x0)], StatusCode.Unavailable },
        { "reset: REFUSED_STREAM", Reset(0x7), StatusCode.Unavailable },
        { "headers, reset: INTERNAL_ERROR", [.. Headers(Head), .. Reset(0x2)], StatusCode.Internal },
        { "headers, reset: CANCEL", [.. Headers(Head), .. Reset(0x8)], StatusCode.Cancelled },
        { "headers, reset: ENHANCE_YOUR_CALM", [.. Headers(Head), .. Reset(0xB)], StatusCode.ResourceExhausted },
        // A server that stops: the status may be lost with the connection, and is the same then.
        { "status, reset without error, GOAWAY", [.. Headers([.. Head, .. StatusUnavailable], ends: true), .. Reset(0x0), .. GoAway], StatusCode.Unavailable },
        { "headers, status, GOAWAY", [.. Headers(Head), .. Headers(StatusUnavailable, ends: true), .. GoAway], StatusCode.Unavailable },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Endings))]
    public async Task CallWithOpenRequests_EndsWithTheServersReason(string ending, byte[] frames, StatusCode expected)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var serving = AnswerOneCallAsync(listener, frames);
            using var channel = GrpcChannel.ForAddress($"http://{listener.LocalEndpoint}");
            using var call = channel.CreateCallInvoker().CallDuplex();
            await call.RequestStream.WriteAsync(Bytes("x"), Cancellation);

            await serving;
            var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));

            Assert.True(failure.StatusCode == expected, $"After {ending}: {failure.Status}");
        }
    }

    private static byte[] Headers(byte[] block, bool ends = false) =>
        Http2Frames.Frame(Http2FrameType.Headers, (byte)(Http2Frames.EndHeaders | (ends ? Http2Frames.EndStream : 0)), 1, block);

    private static byte[] Reset(uint error) => Http2Frames.Reset(1, (Http2Error)error);

    /// <summary>Reads up to the call's first message, sends the frames, and closes the connection.</summary>
    private static async Task AnswerOneCallAsync(TcpListener listener, byte[] frames)
    {
        using var client = await listener.AcceptTcpClientAsync(Cancellation);
        var stream = client.GetStream();
        await stream.ReadExactlyAsync(new byte[Http2Frames.Preface.Length], Cancellation);
        await stream.WriteAsync(Http2Frames.Frame(Http2FrameType.Settings, 0, 0, []), Cancellation);
        var header = new byte[Http2Frames.HeaderBytes];
        do
        {
            await stream.ReadExactlyAsync(header, Cancellation);
            await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadUInt32BigEndian(header) >> 8], Cancellation);
        }
        while (header[3] != (byte)Http2FrameType.Data);

        await stream.WriteAsync(frames, Cancellation);
        client.Client.Shutdown(SocketShutdown.Send);
        try
        {
            await stream.CopyToAsync(Stream.Null, Cancellation);
        }
        catch (IOException)
        {
            // The client has closed its side as well.
        }
    }
}
