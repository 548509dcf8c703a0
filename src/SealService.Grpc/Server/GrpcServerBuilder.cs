using System.Collections.Frozen;
using Grpc.Core;
using Grpc.Server.Internal;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Grpc.Server;

/// <summary>Collects services and makes a <see cref="GrpcServer"/> of them.</summary>
/// <example>
/// <code>
/// var server = new GrpcServerBuilder()
///     .AddService(Sealing.BindService(new SealingService()))
///     .Replace(rawSealDocuments, SealDocumentsAsync)
///     .Build();
/// app.Run(server.HandleAsync);
/// </code>
/// </example>
public sealed class GrpcServerBuilder
{
    private readonly Dictionary<string, MethodHandler> _handlers = new(StringComparer.Ordinal);
    private readonly Binder _binder;

    public GrpcServerBuilder() => _binder = new Binder(this);

    public GrpcServerOptions Options { get; } = new();

    /// <summary>Adds every method of a service: what the generated <c>BindService</c> gives.</summary>
    /// <exception cref="InvalidOperationException">A method of that path is bound already.</exception>
    public GrpcServerBuilder AddService(ServerServiceDefinition service)
    {
        ArgumentNullException.ThrowIfNull(service);
        service.BindService(_binder);
        return this;
    }

    /// <summary>Replaces the handler of a bound method, usually with one of other message types, such as raw bytes.</summary>
    /// <exception cref="InvalidOperationException">No method of that path and type is bound.</exception>
    public GrpcServerBuilder Replace<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        UnaryServerMethod<TRequest, TResponse> handler) => Replace(new UnaryHandler<TRequest, TResponse>(method, handler));

    /// <inheritdoc cref="Replace{TRequest, TResponse}(Method{TRequest, TResponse}, UnaryServerMethod{TRequest, TResponse})"/>
    public GrpcServerBuilder Replace<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        Func<ServerStreamReader<TRequest>, ServerCallContext, Task<TResponse>> handler) =>
        Replace(new ClientStreamingHandler<TRequest, TResponse>(method, handler));

    /// <inheritdoc cref="Replace{TRequest, TResponse}(Method{TRequest, TResponse}, UnaryServerMethod{TRequest, TResponse})"/>
    public GrpcServerBuilder Replace<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        Func<TRequest, ServerStreamWriter<TResponse>, ServerCallContext, Task> handler) =>
        Replace(new ServerStreamingHandler<TRequest, TResponse>(method, handler));

    /// <inheritdoc cref="Replace{TRequest, TResponse}(Method{TRequest, TResponse}, UnaryServerMethod{TRequest, TResponse})"/>
    public GrpcServerBuilder Replace<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        Func<ServerStreamReader<TRequest>, ServerStreamWriter<TResponse>, ServerCallContext, Task> handler) =>
        Replace(new DuplexStreamingHandler<TRequest, TResponse>(method, handler));

    /// <summary>Makes the server; the builder can be changed and used again.</summary>
    /// <exception cref="InvalidOperationException">A limit of the options is out of its range.</exception>
    public GrpcServer Build(ILoggerFactory? loggers = null, TimeProvider? time = null)
    {
        Options.Validate();
        var options = Options.Clone();
        return new GrpcServer(
            _handlers.ToFrozenDictionary(StringComparer.Ordinal),
            options,
            (loggers ?? NullLoggerFactory.Instance).CreateLogger<GrpcServer>(),
            time ?? TimeProvider.System);
    }

    private void Add(MethodHandler handler)
    {
        if (!_handlers.TryAdd(handler.Method.FullName, handler))
        {
            throw new InvalidOperationException($"{handler.Method.FullName} is bound already.");
        }
    }

    private GrpcServerBuilder Replace(MethodHandler handler)
    {
        var method = handler.Method;
        if (!_handlers.TryGetValue(method.FullName, out var bound) || bound.Method.Type != method.Type)
        {
            throw new InvalidOperationException($"{method.FullName} is not bound as a {method.Type} method, so it can't be replaced.");
        }

        _handlers[method.FullName] = handler;
        return this;
    }

    private sealed class Binder(GrpcServerBuilder builder) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            UnaryServerMethod<TRequest, TResponse>? handler) => builder.Add(new UnaryHandler<TRequest, TResponse>(method, Require(handler)));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            ClientStreamingServerMethod<TRequest, TResponse>? handler) =>
            builder.Add(new ClientStreamingHandler<TRequest, TResponse>(method, Require(handler).Invoke));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
            builder.Add(new ServerStreamingHandler<TRequest, TResponse>(method, Require(handler).Invoke));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
            builder.Add(new DuplexStreamingHandler<TRequest, TResponse>(method, Require(handler).Invoke));

        private static T Require<T>(T? handler)
            where T : class => handler ?? throw new InvalidOperationException("A method was bound without a handler.");
    }
}
