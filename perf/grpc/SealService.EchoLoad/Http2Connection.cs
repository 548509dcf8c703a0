using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace SealService.EchoLoad;

/// <summary>
/// One HTTP/2 connection that asks for echoes as fast as it is given them: as few system calls, copies and thread switches as can be,
/// because what the client costs is missing to the server on the same cores. One thread sends what may be in flight, takes what has come,
/// and sends again. Every byte that comes back is compared with what was sent.
/// </summary>
internal abstract class Http2Connection : IDisposable
{
    // Windows for the server's answers, and when they are filled again.
    private const int ReceiveWindowBytes = 8 * 1024 * 1024;
    private const int ReceiveWindowStep = ReceiveWindowBytes / 2;
    private const int SettingInitialWindowSize = 0x4;
    private const int DefaultWindowBytes = 65535;
    private const int SocketBufferBytes = 1024 * 1024;

    private static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    private readonly Socket _socket;
    private readonly byte[] _received = new byte[512 * 1024];
    private readonly byte[] _control = new byte[64];
    private int _begin;
    private int _end;
    private int _unacknowledgedBytes;
    private long _echoed; // written by the connection's thread
    private volatile bool _stops;

    protected Http2Connection(IPEndPoint server)
    {
        _socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, SendBufferSize = SocketBufferBytes, ReceiveBufferSize = SocketBufferBytes };
        _socket.Connect(server);
        Send(Preface);
        var settings = EchoFrames.Write(_control, EchoFrames.Settings, 0, 0, 6);
        BinaryPrimitives.WriteUInt16BigEndian(settings, SettingInitialWindowSize);
        BinaryPrimitives.WriteUInt32BigEndian(settings[2..], ReceiveWindowBytes);
        Send(_control.AsSpan(0, EchoFrames.HeaderBytes + 6));
        SendWindowUpdate(0, ReceiveWindowBytes - DefaultWindowBytes);
    }

    /// <summary>Messages that have come back.</summary>
    public long Echoed => Volatile.Read(ref _echoed);

    /// <summary>What the server still takes on the connection, and what a new stream begins with.</summary>
    protected long ConnectionWindow { get; set; } = DefaultWindowBytes;

    protected int InitialStreamWindow { get; private set; } = DefaultWindowBytes;

    protected bool Stops => _stops;

    /// <summary>Sends and receives until <see cref="Stop"/>, and then until everything has come back.</summary>
    public void Run()
    {
        while (SendMore())
        {
            Receive();
        }
    }

    /// <summary>From another thread.</summary>
    public void Stop() => _stops = true;

    public void Dispose() => _socket.Dispose();

    /// <summary>Sends what may be in flight; false when the connection is done.</summary>
    protected abstract bool SendMore();

    protected abstract void OnData(int stream, ReadOnlySpan<byte> payload);

    /// <summary>The end of the server's half of a stream.</summary>
    protected abstract void OnEnd(int stream);

    /// <summary>More of a stream's window (zero for a change of all streams' windows).</summary>
    protected abstract void OnWindow(int stream, long bytes);

    protected void Count(int messages) => Volatile.Write(ref _echoed, _echoed + messages);

    protected void Send(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    /// <summary>Waits for bytes and takes all frames that are complete.</summary>
    private void Receive()
    {
        var count = _socket.Receive(_received.AsSpan(_end));
        if (count == 0)
        {
            throw new InvalidOperationException("The server closed the connection.");
        }

        _end += count;
        while (TryTakeFrame())
        {
        }

        _received.AsSpan(_begin, _end - _begin).CopyTo(_received);
        (_begin, _end) = (0, _end - _begin);
    }

    private bool TryTakeFrame()
    {
        var bytes = _received.AsSpan(_begin, _end - _begin);
        if (bytes.Length < EchoFrames.HeaderBytes)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadInt32BigEndian(bytes) >>> 8;
        if (bytes.Length < EchoFrames.HeaderBytes + length)
        {
            return false;
        }

        _begin += EchoFrames.HeaderBytes + length;
        OnFrame(bytes[3], bytes[4], BinaryPrimitives.ReadInt32BigEndian(bytes[5..]), bytes.Slice(EchoFrames.HeaderBytes, length));
        return true;
    }

    private void OnFrame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case EchoFrames.Data:
                OnData(stream, payload);
                GiveWindow(stream, payload.Length);
                break;
            case EchoFrames.Settings when (flags & EchoFrames.Ack) == 0:
                OnSettings(payload);
                break;
            case EchoFrames.Ping when (flags & EchoFrames.Ack) == 0:
                payload.CopyTo(EchoFrames.Write(_control, EchoFrames.Ping, EchoFrames.Ack, 0, payload.Length));
                Send(_control.AsSpan(0, EchoFrames.HeaderBytes + payload.Length));
                break;
            case EchoFrames.WindowUpdate when stream == 0:
                ConnectionWindow += BinaryPrimitives.ReadUInt32BigEndian(payload);
                break;
            case EchoFrames.WindowUpdate:
                OnWindow(stream, BinaryPrimitives.ReadUInt32BigEndian(payload));
                break;
            case EchoFrames.ResetStream or EchoFrames.GoAway:
                throw new InvalidOperationException($"The server sent a frame of type {type} for stream {stream}.");
        }

        if (type is EchoFrames.Data or EchoFrames.Headers && (flags & EchoFrames.EndStream) != 0)
        {
            OnEnd(stream);
        }
    }

    private void OnSettings(ReadOnlySpan<byte> settings)
    {
        for (; settings.Length > 0; settings = settings[6..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(settings) == SettingInitialWindowSize)
            {
                var window = BinaryPrimitives.ReadInt32BigEndian(settings[2..]);
                OnWindow(0, window - InitialStreamWindow);
                InitialStreamWindow = window;
            }
        }

        EchoFrames.Write(_control, EchoFrames.Settings, EchoFrames.Ack, 0, 0);
        Send(_control.AsSpan(0, EchoFrames.HeaderBytes));
    }

    // The last stream that had data stands for all: a unary answer never needs more than its first window.
    private void GiveWindow(int stream, int bytes)
    {
        _unacknowledgedBytes += bytes;
        if (_unacknowledgedBytes >= ReceiveWindowStep)
        {
            SendWindowUpdate(0, _unacknowledgedBytes);
            SendWindowUpdate(stream, _unacknowledgedBytes);
            _unacknowledgedBytes = 0;
        }
    }

    private void SendWindowUpdate(int stream, int bytes)
    {
        BinaryPrimitives.WriteInt32BigEndian(EchoFrames.Write(_control, EchoFrames.WindowUpdate, 0, stream, 4), bytes);
        Send(_control.AsSpan(0, EchoFrames.HeaderBytes + 4));
    }
}
