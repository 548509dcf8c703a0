using Grpc.Core;

namespace Grpc.Server.Internal;

/// <summary>A method and how its calls are carried out. What it throws becomes the call's status.</summary>
internal abstract class MethodHandler(IMethod method)
{
    public IMethod Method { get; } = method;

    public abstract Task InvokeAsync(ServerCall call);
}

internal sealed class UnaryHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    UnaryServerMethod<TRequest, TResponse> handler) : MethodHandler(Checked.Type(method, MethodType.Unary))
{
    public override Task InvokeAsync(ServerCall call)
    {
        var arrival = call.Requests.WaitForSingleAsync(CancellationToken.None);
        return arrival.IsCompletedSuccessfully ? HandleAsync(call) : WaitAndHandleAsync(arrival, call);
    }

    private async Task WaitAndHandleAsync(ValueTask arrival, ServerCall call)
    {
        await arrival;
        await HandleAsync(call);
    }

    private Task HandleAsync(ServerCall call)
    {
        var response = handler(Checked.ReadSingle(call, method.RequestMarshaller), call);
        if (!response.IsCompletedSuccessfully)
        {
            return AnswerAsync(response, call);
        }

        Answer(response.Result, call);
        return Task.CompletedTask;
    }

    private async Task AnswerAsync(Task<TResponse> response, ServerCall call) => Answer(await response, call);

    // Not flushed: headers, message and trailers leave together when the request ends.
    private void Answer(TResponse response, ServerCall call) =>
        call.Response.Write(method.ResponseMarshaller, Checked.NotNull(response), call.WriteOptions);
}

internal sealed class ClientStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    Func<ServerStreamReader<TRequest>, ServerCallContext, Task<TResponse>> handler)
    : MethodHandler(Checked.Type(method, MethodType.ClientStreaming))
{
    public override async Task InvokeAsync(ServerCall call)
    {
        var response = await handler(new ServerStreamReader<TRequest>(call.Requests, method.RequestMarshaller), call);
        call.Response.Write(method.ResponseMarshaller, Checked.NotNull(response), call.WriteOptions);
    }
}

internal sealed class ServerStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    Func<TRequest, ServerStreamWriter<TResponse>, ServerCallContext, Task> handler)
    : MethodHandler(Checked.Type(method, MethodType.ServerStreaming))
{
    public override async Task InvokeAsync(ServerCall call)
    {
        await call.Requests.WaitForSingleAsync(CancellationToken.None);
        await handler(Checked.ReadSingle(call, method.RequestMarshaller), new ServerStreamWriter<TResponse>(call, method.ResponseMarshaller), call);
    }
}

internal sealed class DuplexStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    Func<ServerStreamReader<TRequest>, ServerStreamWriter<TResponse>, ServerCallContext, Task> handler)
    : MethodHandler(Checked.Type(method, MethodType.DuplexStreaming))
{
    public override Task InvokeAsync(ServerCall call) =>
        handler(
            new ServerStreamReader<TRequest>(call.Requests, method.RequestMarshaller),
            new ServerStreamWriter<TResponse>(call, method.ResponseMarshaller),
            call);
}

/// <summary>Answers the calls of paths that nothing is bound to.</summary>
internal sealed class UnimplementedHandler : MethodHandler
{
    public static readonly UnimplementedHandler Instance = new();

    private UnimplementedHandler()
        : base(new Method<byte[], byte[]>(
            MethodType.DuplexStreaming,
            "unknown",
            "unknown",
            Marshallers.Create(static (byte[] bytes) => bytes, static bytes => bytes),
            Marshallers.Create(static (byte[] bytes) => bytes, static bytes => bytes)))
    {
    }

    public override Task InvokeAsync(ServerCall call) =>
        throw new RpcException(new Status(StatusCode.Unimplemented, $"{call.Http.Request.Path.Value} is not a method of this server."));
}

/// <summary>What the handlers check alike.</summary>
file static class Checked
{
    public static IMethod Type(IMethod method, MethodType type) =>
        method.Type == type
            ? method
            : throw new ArgumentException($"{method.FullName} is a {method.Type} method and was given a {type} handler.", nameof(method));

    public static T NotNull<T>(T? response) =>
        response ?? throw new RpcException(new Status(StatusCode.Cancelled, "The handler gave no response."));

    public static TRequest ReadSingle<TRequest>(ServerCall call, Marshaller<TRequest> marshaller) =>
        call.Requests.TryRead(out var message)
            ? call.Requests.Deserialize(marshaller, message)
            : throw new RpcException(new Status(StatusCode.Internal, "The client sent no request message."));
}
