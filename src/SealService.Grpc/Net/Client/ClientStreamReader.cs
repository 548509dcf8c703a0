using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Net.Client.Internal;

namespace Grpc.Net.Client;

/// <summary>
/// Reads the responses of a call. Beside <see cref="MoveNext"/> it has a way without an allocation or a task per message:
/// <code>
/// while (await responses.WaitToReadAsync())
/// {
///     while (responses.TryRead(out var message)) { ... }
/// }
/// </code>
/// With <see cref="Marshallers.Raw"/> a message is valid until the next call here. Not for concurrent use.
/// </summary>
public sealed class ClientStreamReader<T> : IAsyncStreamReader<T>
{
    private readonly HttpCall _call;
    private readonly Marshaller<T> _marshaller;
    private T? _current;

    internal ClientStreamReader(HttpCall call, Marshaller<T> marshaller)
    {
        _call = call;
        _marshaller = marshaller;
    }

    public T Current => _current ?? throw new InvalidOperationException("There is no message: MoveNext was not called, or it returned false.");

    /// <summary>Whether the message that was read last came compressed.</summary>
    public bool LastMessageWasCompressed => _call.Responses?.LastMessageWasCompressed == true;

    /// <summary>The next message, if it has arrived completely; never waits.</summary>
    /// <exception cref="RpcException">The stream is malformed, or the message too large or not readable: the call has ended.</exception>
    public bool TryRead([MaybeNullWhen(false)] out T message)
    {
        message = default;
        if (_call.Responses is not { } responses)
        {
            return false;
        }

        try
        {
            if (!responses.TryRead(out var payload))
            {
                return false;
            }

            message = responses.Deserialize(_marshaller, payload);
            return true;
        }
        catch (RpcException e)
        {
            throw _call.Fail(e);
        }
    }

    /// <summary>Waits until <see cref="TryRead"/> has a message (true) or the call has ended with OK (false).</summary>
    /// <param name="cancellationToken">Cancels the call, not only the wait.</param>
    /// <exception cref="RpcException">The call ended with another status.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken = default)
    {
        var responses = _call.Responses ?? await _call.WaitForResponsesAsync(cancellationToken);
        try
        {
            if (responses is not null && await responses.WaitToReadAsync(cancellationToken))
            {
                return true;
            }
        }
        catch (Exception e)
        {
            throw _call.Fail(e);
        }

        _call.EndWithTrailers();
        return false;
    }

    public Task<bool> MoveNext(CancellationToken cancellationToken) =>
        TryRead(out _current) ? Task.FromResult(true) : MoveNextAsyncCore(cancellationToken);

    private async Task<bool> MoveNextAsyncCore(CancellationToken cancellationToken) =>
        await WaitToReadAsync(cancellationToken) && TryRead(out _current);
}
