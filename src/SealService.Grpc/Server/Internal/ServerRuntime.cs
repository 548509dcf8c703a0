using Microsoft.Extensions.Logging;

namespace Grpc.Server.Internal;

/// <summary>What all calls of a server share.</summary>
internal sealed class ServerRuntime(GrpcServerOptions options, ILogger logger, TimeProvider time) : IDisposable
{
    public GrpcServerOptions Options { get; } = options;

    public ILogger Logger { get; } = logger;

    public TimeProvider Time { get; } = time;

    public StallWatch StallWatch { get; } = new(options, time);

    public void Dispose() => StallWatch.Dispose();
}
