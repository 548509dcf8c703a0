using System.Buffers.Binary;

namespace SealService.LoadTests.Transport;

/// <summary>The responses of one call, cut into messages in one buffer that grows to the largest. Not thread-safe.</summary>
internal sealed class GrpcResponses(HttpResponseMessage response, Stream body) : IDisposable
{
    /// <summary>The 1 byte of the compressed-flag and the 4 bytes of the length, big-endian.</summary>
    public const int PrefixBytes = 5;

    private byte[] _buffer = new byte[256 * 1024];
    private int _begin;
    private int _end;

    /// <summary>The next message, if it is here completely; valid until the next call.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> message)
    {
        message = default;
        var available = _end - _begin;
        if (available < PrefixBytes)
        {
            return false;
        }

        var length = MessageLength;
        if (available - PrefixBytes < length)
        {
            return false;
        }

        message = _buffer.AsMemory(_begin + PrefixBytes, length);
        _begin += PrefixBytes + length;
        return true;
    }

    /// <summary>Waits for more bytes; false when the call has ended with OK.</summary>
    /// <exception cref="GrpcCallException">It ended with another status.</exception>
    public async ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken)
    {
        MakeRoom();
        int read;
        try
        {
            read = await body.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new GrpcCallException("The call broke: " + e.Message, e);
        }

        if (read > 0)
        {
            _end += read;
            return true;
        }

        GrpcStatus.ThrowUnlessOk(response);
        return _end == _begin ? false : throw new GrpcCallException("The responses end inside a message.");
    }

    public void Dispose() => response.Dispose();

    private int MessageLength => (int)BinaryPrimitives.ReadUInt32BigEndian(_buffer.AsSpan(_begin + 1));

    private void MakeRoom()
    {
        var available = _end - _begin;
        var needed = available < PrefixBytes ? PrefixBytes : PrefixBytes + MessageLength;
        if (_begin > 0)
        {
            var target = needed <= _buffer.Length ? _buffer : new byte[Math.Max(needed, 2 * _buffer.Length)];
            _buffer.AsSpan(_begin, available).CopyTo(target);
            _buffer = target;
        }
        else if (needed > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(needed, 2 * _buffer.Length));
        }

        (_begin, _end) = (0, available);
    }
}
