using System.Buffers.Binary;
using System.Net;

namespace SealService.EchoLoad;

/// <summary>Unary calls, as many at a time as streams are wanted; a new one for each that has ended.</summary>
internal sealed class UnaryConnection : Http2Connection
{
    // Received bytes of a stream, at a place that no other open stream can have.
    private const int PlacesCount = 64 * 1024;

    private readonly int[] _receivedBytes = new int[PlacesCount];
    private readonly byte[] _message;
    private readonly byte[] _first;

    // HEADERS and DATA of as many calls as may be open, one after another: only the streams' numbers change.
    private readonly byte[] _calls;
    private readonly int _callBytes;
    private readonly int _headersBytes;
    private readonly int _streams;
    private int _nextStream = 1;
    private int _open;

    public UnaryConnection(IPEndPoint server, string path, byte[] message, int streams)
        : base(server)
    {
        _message = message;
        _streams = streams;
        _first = Call(EchoFrames.HeaderBlock(path, first: true), message, out _);
        var call = Call(EchoFrames.HeaderBlock(path, first: false), message, out _headersBytes);
        _callBytes = call.Length;
        _calls = [.. Enumerable.Repeat(call, streams).SelectMany(bytes => bytes)];
    }

    protected override bool SendMore()
    {
        if (Stops)
        {
            return _open > 0;
        }

        if (_nextStream == 1)
        {
            BinaryPrimitives.WriteInt32BigEndian(_first.AsSpan(5), 1);
            BinaryPrimitives.WriteInt32BigEndian(_first.AsSpan(_first.Length - _message.Length - EchoFrames.HeaderBytes + 5), 1);
            Send(_first);
            Opened();
            return true;
        }

        var count = (int)Math.Min(_streams - _open, ConnectionWindow / _message.Length);
        for (var i = 0; i < count; i++)
        {
            var call = _calls.AsSpan(i * _callBytes, _callBytes);
            BinaryPrimitives.WriteInt32BigEndian(call[5..], _nextStream);
            BinaryPrimitives.WriteInt32BigEndian(call[(_headersBytes + 5)..], _nextStream);
            Opened();
        }

        Send(_calls.AsSpan(0, count * _callBytes));
        return true;
    }

    protected override void OnData(int stream, ReadOnlySpan<byte> payload)
    {
        ref var received = ref _receivedBytes[(stream >> 1) % PlacesCount];
        if (received + payload.Length > _message.Length || !payload.SequenceEqual(_message.AsSpan(received, payload.Length)))
        {
            throw new InvalidOperationException("What came back is not what was sent.");
        }

        received += payload.Length;
    }

    protected override void OnEnd(int stream)
    {
        ref var received = ref _receivedBytes[(stream >> 1) % PlacesCount];
        if (received != _message.Length)
        {
            throw new InvalidOperationException($"The server answered with {received} of {_message.Length} bytes.");
        }

        received = 0;
        _open--;
        Count(1);
    }

    protected override void OnWindow(int stream, long bytes)
    {
        // A stream's first window is enough for its message.
    }

    private void Opened()
    {
        _nextStream += 2;
        _open++;
        ConnectionWindow -= _message.Length;
    }

    private static byte[] Call(byte[] headerBlock, byte[] message, out int headersBytes)
    {
        headersBytes = EchoFrames.HeaderBytes + headerBlock.Length;
        var call = new byte[headersBytes + EchoFrames.HeaderBytes + message.Length];
        headerBlock.CopyTo(EchoFrames.Write(call, EchoFrames.Headers, EchoFrames.EndHeaders, 0, headerBlock.Length));
        message.CopyTo(EchoFrames.Write(call.AsSpan(headersBytes), EchoFrames.Data, EchoFrames.EndStream, 0, message.Length));
        return call;
    }
}
