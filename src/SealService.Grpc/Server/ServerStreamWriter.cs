using Grpc.Core;
using Grpc.Server.Internal;

namespace Grpc.Server;

/// <summary>
/// Writes the responses of a call. <see cref="WriteAsync(T)"/> has every message sent at once, unless told that more follow, and does not
/// wait for that until 64 KiB wait for the client: what is written during a flush leaves together with the next one. That a message could
/// not be sent, the next call here says. <see cref="Write"/> only buffers, and <see cref="FlushAsync"/> sends and waits. Not for concurrent use.
/// </summary>
public sealed class ServerStreamWriter<T> : IServerStreamWriter<T>
{
    private readonly ServerCall _call;
    private readonly Marshaller<T> _marshaller;

    internal ServerStreamWriter(ServerCall call, Marshaller<T> marshaller)
    {
        _call = call;
        _marshaller = marshaller;
    }

    /// <inheritdoc/>
    public WriteOptions? WriteOptions
    {
        get => _call.WriteOptions;
        set => _call.WriteOptions = value;
    }

    /// <summary>What was written and no flush has begun for.</summary>
    public long UnflushedBytes => _call.Response.UnflushedBytes;

    /// <summary>Buffers one message; it leaves with the next flush, or at the end of the call.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the message is over the limit.</exception>
    /// <exception cref="InvalidOperationException">A flush is still running.</exception>
    /// <exception cref="OperationCanceledException">The call has ended.</exception>
    public void Write(T message) => _call.Response.Write(_marshaller, message, WriteOptions);

    /// <summary>Sends what was written; completes when the client's flow control has room again.</summary>
    /// <exception cref="OperationCanceledException">The client has gone, the call has ended, or the token was cancelled.</exception>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => _call.Response.FlushAsync(cancellationToken);

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        try
        {
            var send = _call.Response.SendAsync(_marshaller, message, WriteOptions, cancellationToken);
            return send.IsCompletedSuccessfully ? Task.CompletedTask : send.AsTask();
        }
        catch (OperationCanceledException e)
        {
            return Task.FromCanceled(e.CancellationToken.IsCancellationRequested ? e.CancellationToken : new CancellationToken(canceled: true));
        }
    }
}
