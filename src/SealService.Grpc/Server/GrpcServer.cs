using System.Collections.Frozen;
using Grpc.Core;
using Grpc.Server.Internal;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Grpc.Server;

/// <summary>
/// Serves gRPC calls behind one request delegate. Paths are looked up in a frozen table: endpoint routing costs some 15 % of a call here.
/// Made by <see cref="GrpcServerBuilder"/>; safe for concurrent use. Dispose it after the web server has stopped.
/// </summary>
public sealed class GrpcServer : IDisposable
{
    private readonly FrozenDictionary<string, MethodHandler> _handlers;
    private readonly ServerRuntime _runtime;

    internal GrpcServer(FrozenDictionary<string, MethodHandler> handlers, GrpcServerOptions options, ILogger logger, TimeProvider time)
    {
        _handlers = handlers;
        _runtime = new ServerRuntime(options, logger, time);
    }

    /// <summary>The methods that are served, for reflection and diagnostics.</summary>
    public IEnumerable<IMethod> Methods => _handlers.Values.Select(handler => handler.Method);

    /// <summary>Whether a request says that it is gRPC; the host gives others to its other handlers.</summary>
    public static bool IsGrpcRequest(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return GrpcHeaders.IsGrpcContentType(request.ContentType);
    }

    /// <summary>
    /// Serves one request. What is not gRPC over HTTP/2 is answered with HTTP 415, 426 or 405; everything else with a gRPC status.
    /// </summary>
    public Task HandleAsync(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        var request = http.Request;
        if (!IsGrpcRequest(request))
        {
            return Reject(http, StatusCodes.Status415UnsupportedMediaType);
        }

        if (!HttpProtocol.IsHttp2(request.Protocol))
        {
            http.Response.Headers.Upgrade = "h2c";
            return Reject(http, StatusCodes.Status426UpgradeRequired);
        }

        if (!HttpMethods.IsPost(request.Method))
        {
            http.Response.Headers.Allow = HttpMethods.Post;
            return Reject(http, StatusCodes.Status405MethodNotAllowed);
        }

        if (!_handlers.TryGetValue(request.Path.Value ?? "", out var handler))
        {
            handler = UnimplementedHandler.Instance;
        }

        return new ServerCall(http, handler, _runtime).RunAsync();
    }

    public void Dispose() => _runtime.Dispose();

    private Task Reject(HttpContext http, int statusCode)
    {
        ServerLog.NotGrpc(_runtime.Logger, statusCode);
        http.Response.StatusCode = statusCode;
        return Task.CompletedTask;
    }
}
