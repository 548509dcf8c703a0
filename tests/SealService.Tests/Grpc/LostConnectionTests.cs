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

    /// <summary>How a call ends before its requests do.</summary>
    public enum CutOff
    {
        ByItsToken,
        ByTheDeadline,
        ByDisposing,
        ByTheServer,
    }

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

    public static TheoryData<CutOff, bool> CutOffs => [.. Enum.GetValues<CutOff>().SelectMany(how => new[] { (how, false), (how, true) })];

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

            await Task.Delay(attempt % 2 * 20, Cancellation); // read while it comes, or when it is there
            var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));
            await serving;

            Assert.True(failure.StatusCode == expected, $"After {ending}: {failure.Status}");
        }
    }

    [Fact]
    public async Task StatusBeforeTheRequestsEnd_IsTheCallsStatus_AndTheConnectionGoesOn()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        byte[] refusal = [.. Headers([.. Head, .. Http2Frames.Literal("grpc-status", "5")], ends: true), .. Reset(0x0)];
        var serving = AnswerOneCallAsync(listener, refusal, closes: false);
        using (var channel = GrpcChannel.ForAddress($"http://{listener.LocalEndpoint}"))
        {
            using var call = channel.CreateCallInvoker().CallDuplex();
            await call.RequestStream.WriteAsync(Bytes("x"), Cancellation);
            await Task.Delay(50, Cancellation); // both frames are there
            var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));
            Assert.Equal(StatusCode.NotFound, failure.StatusCode);
        }

        Assert.DoesNotContain(await serving, EndsRequests);
    }

    [Theory]
    [MemberData(nameof(CutOffs))]
    public async Task RequestsThatAreCutOff_NeverEndAsIfComplete(CutOff how, bool headersCame)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var answered = new TaskCompletionSource();
            var serving = AnswerOneCallAsync(listener, headersCame ? Headers(Head) : [], closes: how == CutOff.ByTheServer, answered);
            using var channel = GrpcChannel.ForAddress($"http://{listener.LocalEndpoint}");
            using var cancellation = new CancellationTokenSource();
            var deadline = how == CutOff.ByTheDeadline ? DateTime.UtcNow.AddMilliseconds(100) : (DateTime?)null;
            var call = channel.CreateCallInvoker().CallDuplex(new CallOptions(deadline: deadline, cancellationToken: cancellation.Token));
            await call.RequestStream.WriteAsync(Bytes("x"), Cancellation);
            await answered.Task.WaitAsync(Cancellation);
            if (headersCame)
            {
                await Record.ExceptionAsync(() => call.ResponseHeadersAsync);
            }

            switch (how)
            {
                case CutOff.ByItsToken:
                    await cancellation.CancelAsync();
                    break;
                case CutOff.ByDisposing:
                    call.Dispose();
                    break;
            }

            await Record.ExceptionAsync(() => call.ResponseStream.MoveNext(Cancellation));
            call.Dispose();
            channel.Dispose(); // or the connection stays
            var sent = await serving;
            Assert.Contains(sent, frame => frame.Type == Http2FrameType.Data);
            Assert.DoesNotContain(sent, EndsRequests);
        }
    }

    private static bool EndsRequests(Frame frame) =>
        frame.Type is Http2FrameType.Data or Http2FrameType.Headers && (frame.Flags & Http2Frames.EndStream) != 0;

    private static byte[] Headers(byte[] block, bool ends = false) =>
        Http2Frames.Frame(Http2FrameType.Headers, (byte)(Http2Frames.EndHeaders | (ends ? Http2Frames.EndStream : 0)), 1, block);

    private static byte[] Reset(uint error) => Http2Frames.Reset(1, (Http2Error)error);

    /// <summary>Reads up to the call's first message, sends the frames, closes its side if it is to, and gives all that the client sent.</summary>
    private static async Task<List<Frame>> AnswerOneCallAsync(TcpListener listener, byte[] frames, bool closes = true, TaskCompletionSource? answered = null)
    {
        using var client = await listener.AcceptTcpClientAsync(Cancellation);
        var stream = client.GetStream();
        await stream.ReadExactlyAsync(new byte[Http2Frames.Preface.Length], Cancellation);
        await stream.WriteAsync(Http2Frames.Frame(Http2FrameType.Settings, 0, 0, []), Cancellation);
        var sent = new List<Frame>();
        do
        {
            sent.Add(await ReadFrameAsync(stream));
        }
        while (sent[^1].Type != Http2FrameType.Data);

        await stream.WriteAsync(frames, Cancellation);
        if (closes)
        {
            client.Client.Shutdown(SocketShutdown.Send);
        }

        answered?.SetResult();
        try
        {
            while (true)
            {
                sent.Add(await ReadFrameAsync(stream));
            }
        }
        catch (IOException)
        {
            // The client has closed its side as well.
            return sent;
        }
    }

    private static async Task<Frame> ReadFrameAsync(NetworkStream stream)
    {
        var header = new byte[Http2Frames.HeaderBytes];
        await stream.ReadExactlyAsync(header, Cancellation);
        await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadUInt32BigEndian(header) >> 8], Cancellation);
        return new Frame((Http2FrameType)header[3], header[4]);
    }

    /// <summary>What the client sent, without its bytes.</summary>
    private sealed record Frame(Http2FrameType Type, byte Flags);
}
