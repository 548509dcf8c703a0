using Grpc.Wire;
using Microsoft.Extensions.Logging;

namespace Grpc.Server.Internal;

/// <summary>What all calls of a server share.</summary>
internal sealed class ServerRuntime(GrpcServerOptions options, ILogger logger, TimeProvider time) : IDisposable
{
    public GrpcServerOptions Options { get; } = options;

    public ILogger Logger { get; } = logger;

    public TimeProvider Time { get; } = time;

    public CallAdmission Admission { get; } = new(options);

    /// <summary>The limits of requests; all calls share the assembly budget.</summary>
    public ReceiveLimits ReceiveLimits { get; } = new(
        options.MaxReceiveMessageBytes,
        options.LimitName(nameof(options.MaxReceiveMessageBytes)),
        new AssemblyBudget(options.MaxAssemblyBytes, options.LimitName(nameof(options.MaxAssemblyBytes))));

    public string SendLimitName { get; } = options.LimitName(nameof(options.MaxSendMessageBytes));

    public StallWatch StallWatch { get; } = new(options, time);

    public void Dispose() => StallWatch.Dispose();
}
