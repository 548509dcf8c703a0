using System.Buffers;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>
/// Writes messages with their prefixes into a pipe or a buffer, without flushing. A serializer that says its length beforehand writes where
/// the bytes are sent from; any other, and every compressed message, goes through a pooled buffer. Not thread-safe.
/// </summary>
internal class MessageWriter(IBufferWriter<byte> target, int messageBytesMax, string limitName = "MaxSendMessageBytes")
    : SerializationContext, IBufferWriter<byte>, IDisposable
{
    private const int LengthUnknown = -1;

    // Of the message that is being written.
    private int _length = LengthUnknown;
    private int _remaining;
    private bool _prefixIsDue;
    private bool _isDirect;
    private bool _isComplete;
    private bool _compress;

    private PooledBuffer? _message;
    private PooledBuffer? _compressed;

    /// <summary>Where messages go; it may change between two of them.</summary>
    public IBufferWriter<byte> Target { get; set; } = target;

    /// <summary>Messages and bytes (with their prefixes, as sent) since the counts were last taken.</summary>
    public int MessagesWritten { get; private set; }

    public long BytesWritten { get; private set; }

    /// <summary>A serializer failed when part of its message was in the target already: the stream can only be reset.</summary>
    public bool IsBroken { get; private set; }

    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the message is over the limit; nothing of it was written.</exception>
    public void Write<T>(Marshaller<T> marshaller, T message, bool compress)
    {
        _length = LengthUnknown;
        _isDirect = false;
        _isComplete = false;
        _compress = compress;
        _message?.Clear();
        try
        {
            marshaller.ContextualSerializer(message, this);
            if (!_isComplete)
            {
                throw new InvalidOperationException("The serializer did not complete the message.");
            }
        }
        catch
        {
            IsBroken |= _isDirect && !_prefixIsDue;
            throw;
        }
    }

    public void TakeCounts(out int messages, out long bytes)
    {
        (messages, bytes) = (MessagesWritten, BytesWritten);
        (MessagesWritten, BytesWritten) = (0, 0);
    }

    public override void SetPayloadLength(int payloadLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        ThrowIfTooLarge(payloadLength);
        _length = payloadLength;
    }

    public override IBufferWriter<byte> GetBufferWriter()
    {
        if (_length == LengthUnknown || _compress)
        {
            return _message ??= new PooledBuffer();
        }

        if (!_isDirect)
        {
            _isDirect = true;
            _prefixIsDue = true;
            _remaining = _length;
        }

        return this;
    }

    public override void Complete()
    {
        ThrowIfComplete();
        if (_isDirect)
        {
            CompleteDirect();
        }
        else
        {
            CompleteBuffered(_message is null ? default : _message.Written);
        }
    }

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        ThrowIfComplete();
        CompleteBuffered(payload);
    }

    /// <summary>The target's own memory; the prefix goes before the message's first bytes, in one step with them.</summary>
    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint)
    {
        if (!_prefixIsDue)
        {
            return Target.GetSpan(sizeHint);
        }

        var span = Target.GetSpan(MessageHeader.SizeBytes + Math.Max(sizeHint, 1));
        MessageHeader.Write(span, compressed: false, _length);
        return span[MessageHeader.SizeBytes..];
    }

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint)
    {
        if (!_prefixIsDue)
        {
            return Target.GetMemory(sizeHint);
        }

        var memory = Target.GetMemory(MessageHeader.SizeBytes + Math.Max(sizeHint, 1));
        MessageHeader.Write(memory.Span, compressed: false, _length);
        return memory[MessageHeader.SizeBytes..];
    }

    void IBufferWriter<byte>.Advance(int count)
    {
        if (count > _remaining)
        {
            throw new InvalidOperationException($"The serializer wrote more than the {_length} bytes that it had announced.");
        }

        _remaining -= count;
        if (_prefixIsDue)
        {
            if (count == 0)
            {
                return;
            }

            _prefixIsDue = false;
            count += MessageHeader.SizeBytes;
        }

        Target.Advance(count);
    }

    public virtual void Dispose()
    {
        _message?.Dispose();
        _compressed?.Dispose();
    }

    private void CompleteDirect()
    {
        if (_remaining != 0)
        {
            throw new InvalidOperationException($"The serializer wrote {_length - _remaining} bytes and had announced {_length}.");
        }

        if (_prefixIsDue)
        {
            WritePrefix(compressed: false, 0);
            _prefixIsDue = false;
        }

        Count(_length);
    }

    private void CompleteBuffered(ReadOnlyMemory<byte> payload)
    {
        ThrowIfTooLarge(payload.Length);
        // Nothing is not made smaller: .NET's GZipStream gives no bytes at all for it, which is no gzip.
        var compress = _compress && payload.Length > 0;
        if (compress)
        {
            _compressed ??= new PooledBuffer();
            _compressed.Clear();
            MessageCompression.Compress(payload, _compressed);
            payload = _compressed.Written;
        }

        WritePrefix(compress, payload.Length);
        Target.Write(payload.Span);
        Count(payload.Length);
    }

    private void WritePrefix(bool compressed, int length)
    {
        MessageHeader.Write(Target.GetSpan(MessageHeader.SizeBytes), compressed, length);
        Target.Advance(MessageHeader.SizeBytes);
    }

    private void Count(int payloadBytes)
    {
        _isComplete = true;
        MessagesWritten++;
        BytesWritten += MessageHeader.SizeBytes + payloadBytes;
    }

    private void ThrowIfComplete()
    {
        if (_isComplete)
        {
            throw new InvalidOperationException("The message was completed before.");
        }
    }

    private void ThrowIfTooLarge(int payloadBytes)
    {
        if (payloadBytes > messageBytesMax)
        {
            throw new RpcException(new Status(
                StatusCode.ResourceExhausted,
                $"The message to send has {payloadBytes} bytes, over the limit of {messageBytesMax} ({limitName})."));
        }
    }
}
