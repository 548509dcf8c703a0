using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>
/// Cuts a pipe into messages and hands them out where they lie. A message is valid until the next call of any method but
/// <see cref="TryRead"/>; one that came compressed until the next call of any. It also is what deserializers find a message in. Not
/// thread-safe; server and client add what a wait and a failure mean to them.
/// </summary>
internal abstract class MessageReader(PipeReader pipe, ReceiveLimits limits, bool acceptsCompressed)
    : DeserializationContext, IDisposable
{
    // What the last read of the pipe gave and no message was handed out from.
    private ReadOnlySequence<byte> _unread;

    // The pipe has a read result out, so it wants an AdvanceTo before the next read.
    private bool _resultIsOut;
    private bool _pipeEnded;
    private bool _isClosed;

    // The message that is being deserialized.
    private ReadOnlySequence<byte> _payload;

    // What was given back to the pipe last began a message.
    private bool _isInsideMessage;
    private PooledBuffer? _decompressed;

    // What the message that arrives, or was read last, and its decompressed form hold of the assembly budget.
    private int _assemblyShare;
    private int _decompressedShare;

    /// <summary>Whether the message that was read last came compressed.</summary>
    public bool LastMessageWasCompressed { get; private set; }

    /// <summary>Messages and bytes (with their prefixes, as received) since the counts were last taken.</summary>
    protected int MessagesRead { get; set; }

    protected long BytesRead { get; set; }

    /// <summary>Whether the peer has ended its stream, as far as the pipe was read.</summary>
    public bool PeerHasEnded => _pipeEnded;

    public override int PayloadLength => (int)_payload.Length;

    public override byte[] PayloadAsNewBuffer() => _payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => _payload;

    /// <summary>The object that a message's bytes say.</summary>
    /// <exception cref="RpcException">INTERNAL: the bytes are not a message of the type.</exception>
    public T Deserialize<T>(Marshaller<T> marshaller, in ReadOnlySequence<byte> message)
    {
        _payload = message;
        try
        {
            return marshaller.ContextualDeserializer(this);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"The message is not a valid {typeof(T).Name}.", e));
        }
    }

    /// <summary>The next message, if it has arrived completely.</summary>
    /// <exception cref="RpcException">The stream is malformed or the message too large.</exception>
    public bool TryRead(out ReadOnlySequence<byte> message)
    {
        if (!TryFindMessage(_unread, out var compressed, out var length))
        {
            message = default;
            return false;
        }

        message = _unread.Slice(MessageHeader.SizeBytes, length);
        _unread = _unread.Slice(message.End);
        Count(ref message, compressed);
        return true;
    }

    /// <summary>Waits until <see cref="TryRead"/> has a message (true) or the stream has ended (false).</summary>
    /// <exception cref="RpcException">The stream is malformed or a message too large.</exception>
    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryFindMessage(_unread, out _, out _))
            {
                return new(true);
            }

            if (_pipeEnded || _isClosed)
            {
                return _unread.IsEmpty ? new(false) : ValueTask.FromException<bool>(EndedInsideMessage());
            }

            if (!TryReadPipe())
            {
                return WaitToReadAsyncCore(cancellationToken);
            }
        }
    }

    /// <summary>
    /// Waits until all of a stream is here that holds at most one message. <see cref="TryRead"/> then gives it, or false when there is none;
    /// it is valid until the reader is disposed.
    /// </summary>
    /// <exception cref="RpcException">INTERNAL when there is more than one; otherwise as for <see cref="TryRead"/>.</exception>
    public ValueTask WaitForSingleAsync(CancellationToken cancellationToken)
    {
        while (!IsSingleComplete())
        {
            if (!TryReadPipe())
            {
                return WaitForSingleAsyncCore(cancellationToken);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Nothing is read for the reader's user any more: to one who kept the reader too long the stream has ended.</summary>
    public void Close()
    {
        _isClosed = true;
        _unread = _unread.Slice(_unread.End);
    }

    /// <summary>Reads and forgets what still comes, up to the end of the stream. Only after <see cref="Close"/>.</summary>
    public async ValueTask DiscardAsync(CancellationToken cancellationToken)
    {
        try
        {
            Release();
            while (!_pipeEnded)
            {
                var result = await pipe.ReadAsync(cancellationToken);
                pipe.AdvanceTo(result.Buffer.End);
                // A cancelled read was meant for the reader's user, who is gone.
                _pipeEnded = result.IsCompleted;
            }
        }
        catch (Exception e) when (IsTransportFailure(e))
        {
            throw Translate(e);
        }
    }

    /// <summary>Ends a pending wait with the exception of <see cref="WaitWasCancelled"/>. The only member for other threads.</summary>
    public void CancelPendingRead() => pipe.CancelPendingRead();

    /// <summary>The stream has ended and no message of it is used any more: the pipe's buffers go back. Only where nobody else owns the pipe.</summary>
    public void CompletePipe()
    {
        Dispose();
        pipe.Complete();
    }

    /// <summary>
    /// Gives back what was rented. The pipe stays with its owner and is not touched any more: a web server uses it again for another
    /// request, which a reader that was kept too long must not see.
    /// </summary>
    public void Dispose()
    {
        _isClosed = true;
        _unread = default;
        ReleaseDecompressed();
        limits.Assembly?.Resize(ref _assemblyShare, 0);
    }

    /// <summary>The reader begins to wait for the peer.</summary>
    /// <param name="insideMessage">Part of a message is here, and the wait is for more of it.</param>
    protected virtual void WaitBegins(bool insideMessage)
    {
    }

    /// <summary>The wait is over.</summary>
    protected virtual void WaitEnds()
    {
    }

    /// <summary>What <see cref="CancelPendingRead"/> means to the reader's user.</summary>
    protected abstract Exception WaitWasCancelled();

    /// <summary>Whether an exception of the pipe comes from the transport, and not from a misuse of the reader or a cancelled wait.</summary>
    protected virtual bool IsTransportFailure(Exception exception) =>
        exception is ObjectDisposedException or not (RpcException or OperationCanceledException or InvalidOperationException);

    /// <summary>What a failure of the transport means to the reader's user.</summary>
    protected abstract Exception Translate(Exception transportFailure);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> WaitToReadAsyncCore(CancellationToken cancellationToken)
    {
        while (true)
        {
            await ReadPipeAsync(cancellationToken);
            if (TryFindMessage(_unread, out _, out _))
            {
                return true;
            }

            if (_pipeEnded)
            {
                return _unread.IsEmpty ? false : throw EndedInsideMessage();
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitForSingleAsyncCore(CancellationToken cancellationToken)
    {
        do
        {
            await ReadPipeAsync(cancellationToken);
        }
        while (!IsSingleComplete());
    }

    private bool IsSingleComplete()
    {
        if (!_resultIsOut)
        {
            return false;
        }

        var found = TryFindMessage(_unread, out _, out var length);
        if (found && _unread.Length > MessageHeader.SizeBytes + length)
        {
            throw new RpcException(new Status(StatusCode.Internal, "There is more than one message where only one may be."));
        }

        return _pipeEnded && (found || _unread.IsEmpty ? true : throw EndedInsideMessage());
    }

    /// <summary>Takes what the pipe has without waiting.</summary>
    private bool TryReadPipe()
    {
        try
        {
            Release();
            if (!pipe.TryRead(out var result))
            {
                return false;
            }

            Accept(result);
            return true;
        }
        catch (Exception e) when (IsTransportFailure(e))
        {
            throw Translate(e);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadPipeAsync(CancellationToken cancellationToken)
    {
        try
        {
            Release();
            WaitBegins(_isInsideMessage);
            try
            {
                Accept(await pipe.ReadAsync(cancellationToken));
            }
            finally
            {
                WaitEnds();
            }
        }
        catch (Exception e) when (IsTransportFailure(e))
        {
            throw Translate(e);
        }
    }

    private void Accept(in ReadResult result)
    {
        _resultIsOut = true;
        _unread = result.Buffer;
        if (result.IsCanceled)
        {
            throw WaitWasCancelled();
        }

        _pipeEnded = result.IsCompleted;
    }

    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: there is no room to go on assembling the message that has begun.</exception>
    private void Release()
    {
        // What was handed out is not used any more. A stream that waits for its client keeps no array: idle streams would fill the memory.
        ReleaseDecompressed();
        if (_resultIsOut)
        {
            // What has arrived, not what was announced: a length that is a lie would keep others' room without costing its sender anything.
            limits.Assembly?.Resize(ref _assemblyShare, checked((int)_unread.Length));
            _isInsideMessage = !_unread.IsEmpty;
            // All of it counts as examined: Kestrel gives the client new window for examined bytes, and a reader that does not
            // examine a partial message is called back at once, for ever.
            pipe.AdvanceTo(_unread.Start, _unread.End);
            _resultIsOut = false;
            _unread = default;
        }
    }

    /// <summary>Whether the buffer begins with a whole message. Limits are checked as soon as the prefix is here.</summary>
    private bool TryFindMessage(in ReadOnlySequence<byte> buffer, out bool compressed, out int length)
    {
        compressed = false;
        length = 0;
        if (!MessageHeader.TryRead(buffer, out var flag, out var announced))
        {
            return false;
        }

        if (flag > 1)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"{flag} is not a compressed-flag of a message."));
        }

        if (announced > (uint)limits.MessageBytesMax)
        {
            throw new RpcException(new Status(
                StatusCode.ResourceExhausted,
                $"The message has {announced} bytes, over the limit of {limits.MessageBytesMax} ({limits.MessageBytesMaxName})."));
        }

        compressed = flag == 1;
        length = (int)announced;
        return buffer.Length - MessageHeader.SizeBytes >= length;
    }

    private void Count(ref ReadOnlySequence<byte> message, bool compressed)
    {
        MessagesRead++;
        BytesRead += MessageHeader.SizeBytes + message.Length;
        LastMessageWasCompressed = compressed;
        if (compressed)
        {
            message = Decompress(message);
        }
    }

    private ReadOnlySequence<byte> Decompress(in ReadOnlySequence<byte> message)
    {
        if (!acceptsCompressed)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The message is marked as compressed, but no encoding was announced."));
        }

        ReleaseDecompressed();
        _decompressed ??= new PooledBuffer();
        var size = MessageCompression.ReadSize(message);
        limits.Assembly?.Resize(ref _decompressedShare, (int)Math.Min(size, (uint)limits.MessageBytesMax));
        MessageCompression.Decompress(message, size, _decompressed, limits);
        return new(_decompressed.Written);
    }

    private void ReleaseDecompressed()
    {
        if (_decompressed is not null)
        {
            _decompressed.Dispose();
            limits.Assembly?.Resize(ref _decompressedShare, 0);
        }
    }

    private static RpcException EndedInsideMessage() => new(new Status(StatusCode.Internal, "The stream ended inside a message."));
}
