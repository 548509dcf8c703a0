using System.Buffers;
using Grpc.Core;

namespace Grpc.Net.Client.Internal;

/// <summary>Starts the calls of a channel.</summary>
internal sealed class HttpCallInvoker(GrpcChannel channel) : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options,
        TRequest request)
    {
        using var call = AsyncUnaryCall(method, host, options, request);
        return call.ResponseAsync.GetAwaiter().GetResult();
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options,
        TRequest request)
    {
        if (options.IsSafeToRetry)
        {
            var retried = new RetriedCall<TRequest, TResponse>(this, channel, method, host, options, request);
            return new(retried, retried.RunAsync());
        }

        var call = StartWithRequest(method, host, options, request);
        return new(call, ReadSingleAsync(call, method.ResponseMarshaller));
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options,
        TRequest request)
    {
        var call = StartWithRequest(method, host, options, request);
        return new(call, new ClientStreamReader<TResponse>(call, method.ResponseMarshaller));
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options)
    {
        var call = new HttpCall(channel, method, host, options);
        var writer = CreateWriter(call, method, options);
        call.Start();
        return new(call, writer, ReadSingleAsync(call, method.ResponseMarshaller));
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options)
    {
        var call = new HttpCall(channel, method, host, options);
        var writer = CreateWriter(call, method, options);
        call.Start();
        return new(call, writer, new ClientStreamReader<TResponse>(call, method.ResponseMarshaller));
    }

    private static ClientStreamWriter<TRequest> CreateWriter<TRequest, TResponse>(
        HttpCall call,
        Method<TRequest, TResponse> method,
        CallOptions options) => new(call, method.RequestMarshaller) { WriteOptions = options.WriteOptions };

    /// <summary>Starts a call with its only request.</summary>
    public HttpCall StartWithRequest<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options,
        TRequest request)
    {
        var call = new HttpCall(channel, method, host, options);
        try
        {
            call.Requests.Write(method.RequestMarshaller, request, options.WriteOptions);
            // Completing the pipe's writer never waits.
            _ = call.Requests.CompleteAsync();
        }
        catch (RpcException e)
        {
            // Over the limit: the call ends with this status, where its result is awaited.
            call.Fail(e);
            return call;
        }

        call.Start();
        return call;
    }

    /// <summary>The result of a call with one response.</summary>
    public static async Task<TResponse> ReadSingleAsync<TResponse>(HttpCall call, Marshaller<TResponse> marshaller)
    {
        var responses = await call.WaitForResponsesAsync(CancellationToken.None);
        TResponse? response = default;
        var hasResponse = false;
        try
        {
            if (responses is not null)
            {
                await responses.WaitForSingleAsync(CancellationToken.None);
                hasResponse = responses.TryRead(out var message);
                if (hasResponse)
                {
                    // A raw message must outlive the transport's buffers, which end with the call.
                    var payload = typeof(TResponse) == typeof(ReadOnlySequence<byte>) ? new(message.ToArray()) : message;
                    response = responses.Deserialize(marshaller, payload);
                }
            }
        }
        catch (Exception e)
        {
            throw call.Fail(e);
        }

        call.EndWithTrailers(requiresMessage: true, hasResponse);
        return response!;
    }
}
