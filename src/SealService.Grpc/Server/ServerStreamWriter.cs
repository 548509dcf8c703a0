using Grpc.Core;
using Grpc.Server.Internal;

namespace Grpc.Server;

/// <summary>
/// Writes the responses of a call. Beside <see cref="WriteAsync(T)"/>, which sends every message at once unless told that more
/// follow, it has <see cref="Write"/>, which only buffers, and <see cref="FlushAsync"/>. Not for concurrent use.
/// </summary>
public sealed class ServerStreamWriter<T> : IServerStreamWriter<T>
{
    // Writes with a buffer hint are sent at the latest when so much waits.
    private const int HintedBytesMax = 64 * 1024;

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

    /// <summary>What was written and not flushed yet.</summary>
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
            Write(message);
            var mayWait = WriteOptions?.Flags.HasFlag(WriteFlags.BufferHint) == true;
            if (mayWait && UnflushedBytes < HintedBytesMax)
            {
                return Task.CompletedTask;
            }

            var flush = FlushAsync(cancellationToken);
            return flush.IsCompletedSuccessfully ? Task.CompletedTask : flush.AsTask();
        }
        catch (OperationCanceledException e)
        {
            return Task.FromCanceled(e.CancellationToken.IsCancellationRequested ? e.CancellationToken : new CancellationToken(canceled: true));
        }
    }
}
