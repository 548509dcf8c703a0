using System.Net;

namespace SealService.EchoLoad;

/// <summary>One bidirectional stream: messages are sent as long as fewer than the most in flight have not come back.</summary>
internal sealed class StreamConnection : Http2Connection
{
    private const int StreamId = 1;
    private const int FramePayloadMax = 16 * 1024;

    // One DATA frame of as many messages as it holds, header included; what comes back is compared with its payload.
    private readonly byte[] _frame;
    private readonly byte[] _expected;
    private readonly int _messageBytes;
    private readonly int _messagesPerFrame;
    private readonly int _messagesInFlightMax;
    private long _streamWindow;
    private long _sent; // messages
    private long _receivedBytes;
    private bool _hasEnded;
    private bool _serverHasEnded;

    public StreamConnection(IPEndPoint server, string path, byte[] message, int messagesInFlightMax)
        : base(server)
    {
        _messageBytes = message.Length;
        _messagesInFlightMax = messagesInFlightMax;
        _messagesPerFrame = FramePayloadMax / message.Length;
        var payload = _messagesPerFrame * message.Length;
        _frame = new byte[EchoFrames.HeaderBytes + payload];
        var content = EchoFrames.Write(_frame, EchoFrames.Data, 0, StreamId, payload);
        // A frame of the server may begin anywhere in a message.
        _expected = new byte[FramePayloadMax + message.Length];
        for (var i = 0; i < _expected.Length; i++)
        {
            _expected[i] = message[i % message.Length];
        }

        _expected.AsSpan(0, payload).CopyTo(content);
        _streamWindow = InitialStreamWindow;
        var block = EchoFrames.HeaderBlock(path, first: true);
        var headers = new byte[EchoFrames.HeaderBytes + block.Length];
        block.CopyTo(EchoFrames.Write(headers, EchoFrames.Headers, EchoFrames.EndHeaders, StreamId, block.Length));
        Send(headers);
    }

    protected override bool SendMore()
    {
        if (Stops)
        {
            End();
            return !_serverHasEnded;
        }

        var payload = _frame.Length - EchoFrames.HeaderBytes;
        while (_sent + _messagesPerFrame - Echoed <= _messagesInFlightMax && Math.Min(_streamWindow, ConnectionWindow) >= payload)
        {
            Send(_frame);
            _streamWindow -= payload;
            ConnectionWindow -= payload;
            _sent += _messagesPerFrame;
        }

        return true;
    }

    protected override void OnData(int stream, ReadOnlySpan<byte> payload)
    {
        if (!payload.SequenceEqual(_expected.AsSpan((int)(_receivedBytes % _messageBytes), payload.Length)))
        {
            throw new InvalidOperationException("What came back is not what was sent.");
        }

        var before = _receivedBytes / _messageBytes;
        _receivedBytes += payload.Length;
        Count((int)((_receivedBytes / _messageBytes) - before));
    }

    protected override void OnEnd(int stream)
    {
        if (!_hasEnded || _receivedBytes != _sent * _messageBytes)
        {
            throw new InvalidOperationException($"The server ended the stream after {_receivedBytes} of {_sent * _messageBytes} bytes.");
        }

        _serverHasEnded = true;
    }

    protected override void OnWindow(int stream, long bytes) => _streamWindow += bytes;

    private void End()
    {
        if (!_hasEnded)
        {
            _hasEnded = true;
            Span<byte> end = stackalloc byte[EchoFrames.HeaderBytes];
            EchoFrames.Write(end, EchoFrames.Data, EchoFrames.EndStream, StreamId, 0);
            Send(end);
        }
    }
}
