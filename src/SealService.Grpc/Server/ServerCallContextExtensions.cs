using Grpc.Core;
using Grpc.Server.Internal;
using Microsoft.AspNetCore.Http;

namespace Grpc.Server;

/// <summary>What a call of this server knows beyond <see cref="ServerCallContext"/>.</summary>
public static class ServerCallContextExtensions
{
    /// <summary>The HTTP request below the call: connection, client certificate, user.</summary>
    public static HttpContext GetHttpContext(this ServerCallContext context) => Call(context).Http;

    /// <summary>Whether the request message that was read last came compressed.</summary>
    public static bool WasLastRequestCompressed(this ServerCallContext context) => Call(context).Requests.LastMessageWasCompressed;

    /// <summary>
    /// Chooses whether this call's responses are compressed, if the client accepts it. <see cref="WriteFlags.NoCompress"/> leaves single
    /// messages out.
    /// </summary>
    /// <exception cref="InvalidOperationException">The response headers have been sent.</exception>
    public static void CompressResponses(this ServerCallContext context, bool compress) => Call(context).Response.ChooseCompression(compress);

    /// <summary>
    /// Cancelled when the server is to stop (<see cref="GrpcServerOptions.Draining"/>): a call of long life ends itself then, as a rule with
    /// UNAVAILABLE.
    /// </summary>
    public static CancellationToken GetDraining(this ServerCallContext context) => Call(context).Runtime.Options.Draining;

    private static ServerCall Call(ServerCallContext context) =>
        context as ServerCall ?? throw new InvalidOperationException("The context is not one of a GrpcServer.");
}
