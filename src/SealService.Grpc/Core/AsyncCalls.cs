using System.Runtime.CompilerServices;
using Grpc.Net.Client;
using Grpc.Net.Client.Internal;

namespace Grpc.Core;

/// <summary>What the four kinds of call have in common. Disposing a call that has not ended cancels it.</summary>
public abstract class AsyncCall : IDisposable
{
    private readonly ClientCall _call;

    private protected AsyncCall(ClientCall call) => _call = call;

    /// <summary>The response headers, as soon as they are here.</summary>
    public Task<Metadata> ResponseHeadersAsync => _call.ResponseHeadersAsync;

    /// <exception cref="InvalidOperationException">The call has not ended.</exception>
    public Status GetStatus() => _call.GetStatus();

    /// <exception cref="InvalidOperationException">The call has not ended.</exception>
    public Metadata GetTrailers() => _call.GetTrailers();

    public void Dispose()
    {
        _call.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A call with one request and one response.</summary>
public sealed class AsyncUnaryCall<TResponse> : AsyncCall
{
    internal AsyncUnaryCall(ClientCall call, Task<TResponse> responseAsync)
        : base(call) => ResponseAsync = responseAsync;

    /// <exception cref="RpcException">The call ended with another status than OK.</exception>
    public Task<TResponse> ResponseAsync { get; }

    public TaskAwaiter<TResponse> GetAwaiter() => ResponseAsync.GetAwaiter();

    public ConfiguredTaskAwaitable<TResponse> ConfigureAwait(bool continueOnCapturedContext) =>
        ResponseAsync.ConfigureAwait(continueOnCapturedContext);
}

/// <summary>A call with a stream of requests and one response.</summary>
public sealed class AsyncClientStreamingCall<TRequest, TResponse> : AsyncCall
{
    internal AsyncClientStreamingCall(ClientCall call, ClientStreamWriter<TRequest> requestStream, Task<TResponse> responseAsync)
        : base(call)
    {
        RequestStream = requestStream;
        ResponseAsync = responseAsync;
    }

    public ClientStreamWriter<TRequest> RequestStream { get; }

    /// <exception cref="RpcException">The call ended with another status than OK.</exception>
    public Task<TResponse> ResponseAsync { get; }

    public TaskAwaiter<TResponse> GetAwaiter() => ResponseAsync.GetAwaiter();

    public ConfiguredTaskAwaitable<TResponse> ConfigureAwait(bool continueOnCapturedContext) =>
        ResponseAsync.ConfigureAwait(continueOnCapturedContext);
}

/// <summary>A call with one request and a stream of responses.</summary>
public sealed class AsyncServerStreamingCall<TResponse> : AsyncCall
{
    internal AsyncServerStreamingCall(ClientCall call, ClientStreamReader<TResponse> responseStream)
        : base(call) => ResponseStream = responseStream;

    public ClientStreamReader<TResponse> ResponseStream { get; }
}

/// <summary>A call with a stream of requests and a stream of responses.</summary>
public sealed class AsyncDuplexStreamingCall<TRequest, TResponse> : AsyncCall
{
    internal AsyncDuplexStreamingCall(
        ClientCall call,
        ClientStreamWriter<TRequest> requestStream,
        ClientStreamReader<TResponse> responseStream)
        : base(call)
    {
        RequestStream = requestStream;
        ResponseStream = responseStream;
    }

    public ClientStreamWriter<TRequest> RequestStream { get; }

    public ClientStreamReader<TResponse> ResponseStream { get; }
}
