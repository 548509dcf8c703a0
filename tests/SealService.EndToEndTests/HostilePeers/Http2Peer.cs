using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests.HostilePeers;

/// <summary>How the server ended a stream: a final header block, a reset, or neither when the connection ended first.</summary>
internal sealed record StreamOutcome(int? GrpcStatus, Http2Error? Reset);

/// <summary>
/// The client's side of one connection on a raw socket. It sends whatever bytes it is given, and notes what the server says: the end of
/// streams, GOAWAY, the end of the connection. It answers SETTINGS and PING, and never gives window for answers.
/// </summary>
internal sealed class Http2Peer : IAsyncDisposable
{
    // Well over what the tests set the server's time-outs to.
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(20);

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly SemaphoreSlim _sending = new(1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<StreamOutcome>> _outcomes = new();
    private readonly TaskCompletionSource<Http2Error?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _reading = Task.CompletedTask;
    private Http2Error? _goAway; // owned by the reading loop until _ended

    private Http2Peer()
    {
    }

    /// <summary>Whether the server has closed the connection.</summary>
    public bool HasEnded => _ended.Task.IsCompleted;

    /// <summary>A connection on which nothing has been sent.</summary>
    /// <param name="server">Whom to connect to.</param>
    /// <param name="reads">False: nothing is ever read from the socket.</param>
    public static async Task<Http2Peer> ConnectAsync(RealServer server, bool reads = true)
    {
        var peer = new Http2Peer();
        await peer._socket.ConnectAsync(IPEndPoint.Parse(server.GrpcAddress), TestContext.Current.CancellationToken);
        if (reads)
        {
            peer._reading = Task.Run(peer.ReadFramesAsync);
        }

        return peer;
    }

    /// <summary>A connection that is ready for calls.</summary>
    public static async Task<Http2Peer> GreetAsync(RealServer server, int streamWindowBytes = 65_535, bool reads = true)
    {
        var peer = await ConnectAsync(server, reads);
        await peer.SendAsync(Http2Frames.Greeting(streamWindowBytes));
        return peer;
    }

    /// <summary>Sends bytes as they are. False when the server does not take them any more.</summary>
    public async Task<bool> SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await _sending.WaitAsync();
            try
            {
                while (bytes.Length > 0)
                {
                    bytes = bytes[await _socket.SendAsync(bytes)..];
                }

                return true;
            }
            finally
            {
                _sending.Release();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Waits until the server has closed the connection; the error of its GOAWAY, or null where it sent none.</summary>
    public Task<Http2Error?> EndAsync() => _ended.Task.WaitAsync(EndTimeout, TestContext.Current.CancellationToken);

    /// <summary>Waits until the server has ended a stream, or the connection.</summary>
    public Task<StreamOutcome> OutcomeAsync(int stream) => Outcome(stream).Task.WaitAsync(EndTimeout, TestContext.Current.CancellationToken);

    /// <summary>Whether the server has ended a stream, or the connection.</summary>
    public bool HasOutcome(int stream) => Outcome(stream).Task.IsCompleted;

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _reading;
        _sending.Dispose();
    }

    private TaskCompletionSource<StreamOutcome> Outcome(int stream)
    {
        var outcome = _outcomes.GetOrAdd(stream, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (_ended.Task.IsCompleted)
        {
            outcome.TrySetResult(new StreamOutcome(null, null));
        }

        return outcome;
    }

    private async Task ReadFramesAsync()
    {
        try
        {
            await using var stream = new NetworkStream(_socket);
            var header = new byte[Http2Frames.HeaderBytes];
            while (true)
            {
                await stream.ReadExactlyAsync(header);
                var payload = new byte[BinaryPrimitives.ReadUInt32BigEndian(header) >> 8];
                await stream.ReadExactlyAsync(payload);
                await AcceptAsync((Http2FrameType)header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The connection has ended, from either side.
        }

        _ended.SetResult(_goAway);
        foreach (var stream in _outcomes.Keys)
        {
            Outcome(stream);
        }
    }

    private async ValueTask AcceptAsync(Http2FrameType type, byte flags, int stream, byte[] payload)
    {
        switch (type)
        {
            case Http2FrameType.Settings when (flags & Http2Frames.Ack) == 0:
                await SendAsync(Http2Frames.Frame(Http2FrameType.Settings, Http2Frames.Ack, 0, []));
                break;
            case Http2FrameType.Ping when (flags & Http2Frames.Ack) == 0:
                await SendAsync(Http2Frames.Frame(Http2FrameType.Ping, Http2Frames.Ack, 0, payload));
                break;
            case Http2FrameType.Headers when Http2Frames.FindGrpcStatus(payload) is { } status:
                Outcome(stream).TrySetResult(new StreamOutcome(status, null));
                break;
            case Http2FrameType.ResetStream:
                Outcome(stream).TrySetResult(new StreamOutcome(null, (Http2Error)BinaryPrimitives.ReadUInt32BigEndian(payload)));
                break;
            case Http2FrameType.GoAway:
                _goAway = (Http2Error)BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(4));
                break;
        }
    }
}
