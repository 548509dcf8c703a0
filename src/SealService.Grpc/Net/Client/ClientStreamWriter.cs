using Grpc.Core;
using Grpc.Net.Client.Internal;

namespace Grpc.Net.Client;

/// <summary>
/// Writes the requests of a call. Beside <see cref="WriteAsync(T)"/>, which sends every message at once unless told that more follow,
/// it has <see cref="Write"/>, which only buffers, and <see cref="FlushAsync"/>. Not for concurrent use.
/// </summary>
public sealed class ClientStreamWriter<T> : IClientStreamWriter<T>
{
    // Writes with a buffer hint are sent at the latest when so much waits.
    private const int HintedBytesMax = 64 * 1024;

    private readonly HttpCall _call;
    private readonly Marshaller<T> _marshaller;

    internal ClientStreamWriter(HttpCall call, Marshaller<T> marshaller)
    {
        _call = call;
        _marshaller = marshaller;
    }

    /// <inheritdoc/>
    public WriteOptions? WriteOptions { get; set; }

    /// <summary>What was written and not flushed yet.</summary>
    public long UnflushedBytes => _call.Requests.UnflushedBytes;

    /// <summary>Buffers one message; it leaves with the next flush.</summary>
    /// <exception cref="RpcException">The call has ended, with this status; or RESOURCE_EXHAUSTED: the message is over the limit.</exception>
    public void Write(T message) => _call.Requests.Write(_marshaller, message, WriteOptions);

    /// <summary>Sends what was written; waits while too much of it has not left.</summary>
    /// <exception cref="RpcException">The call has ended, with this status.</exception>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => _call.Requests.FlushAsync(cancellationToken);

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        try
        {
            Write(message);
        }
        catch (RpcException e)
        {
            return Task.FromException(e);
        }

        var mayWait = WriteOptions?.Flags.HasFlag(WriteFlags.BufferHint) == true;
        if (mayWait && UnflushedBytes < HintedBytesMax)
        {
            return Task.CompletedTask;
        }

        var flush = FlushAsync(cancellationToken);
        return flush.IsCompletedSuccessfully ? Task.CompletedTask : flush.AsTask();
    }

    public Task CompleteAsync() => _call.Requests.CompleteAsync();
}
