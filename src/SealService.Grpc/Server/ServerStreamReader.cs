using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Server;

/// <summary>
/// Reads the requests of a call. Beside <see cref="MoveNext"/> it has a way without an allocation or a task per message:
/// <code>
/// while (await requests.WaitToReadAsync(cancellationToken))
/// {
///     while (requests.TryRead(out var message)) { ... }
/// }
/// </code>
/// With <see cref="Marshallers.Raw"/> a message is valid until the next wait; one that came compressed only until the next call here. Not
/// for concurrent use.
/// </summary>
public sealed class ServerStreamReader<T> : IAsyncStreamReader<T>
{
    private readonly MessageReader _messages;
    private readonly Marshaller<T> _marshaller;
    private T? _current;

    internal ServerStreamReader(MessageReader messages, Marshaller<T> marshaller)
    {
        _messages = messages;
        _marshaller = marshaller;
    }

    public T Current => _current ?? throw new InvalidOperationException("There is no message: MoveNext was not called, or it returned false.");

    /// <summary>Whether the message that was read last came compressed.</summary>
    public bool LastMessageWasCompressed => _messages.LastMessageWasCompressed;

    /// <summary>The next message, if it has arrived completely; never waits.</summary>
    /// <exception cref="RpcException">The stream is malformed, or the message too large or not readable.</exception>
    public bool TryRead([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T message)
    {
        if (!_messages.TryRead(out var payload))
        {
            message = default;
            return false;
        }

        message = _messages.Deserialize(_marshaller, payload);
        return true;
    }

    /// <summary>Waits until <see cref="TryRead"/> has a message (true) or the client has ended its stream (false).</summary>
    /// <exception cref="RpcException">The stream is malformed or a message too large.</exception>
    /// <exception cref="OperationCanceledException">The client has gone, the call has ended, or the token was cancelled.</exception>
    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken = default) => _messages.WaitToReadAsync(cancellationToken);

    public Task<bool> MoveNext(CancellationToken cancellationToken) =>
        // Task.FromResult keeps one task for each of the two answers.
        TryRead(out _current) ? Task.FromResult(true) : MoveNextAsyncCore(cancellationToken);

    private async Task<bool> MoveNextAsyncCore(CancellationToken cancellationToken) =>
        await _messages.WaitToReadAsync(cancellationToken) && TryRead(out _current);
}
