using Grpc.Server;
using SealService.Configuration;
using SealService.Services;

namespace SealService.Hosting;

/// <summary>All gRPC services of the server, bound together: seal.v1, health and reflection.</summary>
internal static class GrpcServices
{
    public static GrpcServer Build(LedgerDirectory ledgers, LimitOptions limits, ServerDrain drain, ServerHealth health, ILoggerFactory loggers)
    {
        var builder = new GrpcServerBuilder();
        builder.Options.MaxReceiveMessageBytes = limits.MessageBytesMax;
        builder.Options.IdleReadTimeout = limits.ReadIdleTimeout;
        builder.Options.WriteTimeout = limits.WriteTimeout;
        builder.Options.MaxDeadline = limits.DeadlineMax;
        builder.Options.MaxMetadataBytes = limits.MetadataBytesMax;
        builder.Options.MaxConcurrentCalls = limits.CallsMax;
        builder.Options.MaxAssemblyBytes = (long)limits.UnfinishedMessagesMibMax << 20;
        builder.Options.Draining = drain.Token;
        builder.Options.LimitName = NameOf;
        new SealingService(ledgers, limits, drain).Bind(builder);
        new VerificationService(ledgers, drain).Bind(builder);
        builder.AddService(Seal.V1.Ledger.BindService(new LedgerService(ledgers, limits, drain)));
        builder.AddService(Seal.V1.Keys.BindService(new KeysService(ledgers)));
        builder.AddService(Grpc.Health.V1.Health.BindService(health.Grpc));
        builder.AddReflection(
            Seal.V1.Sealing.Descriptor, Seal.V1.Verification.Descriptor, Seal.V1.Ledger.Descriptor, Seal.V1.Keys.Descriptor, Grpc.Health.V1.Health.Descriptor);
        return builder.Build(loggers);
    }

    // What a caller is told about a limit names the key that sets it.
    private static string NameOf(string option) => option switch
    {
        nameof(GrpcServerOptions.MaxReceiveMessageBytes) => "Seal:Limits:MessageBytesMax",
        nameof(GrpcServerOptions.MaxMetadataBytes) => "Seal:Limits:MetadataBytesMax",
        nameof(GrpcServerOptions.MaxAssemblyBytes) => "Seal:Limits:UnfinishedMessagesMibMax",
        nameof(GrpcServerOptions.MaxConcurrentCalls) => "Seal:Limits:CallsMax",
        nameof(GrpcServerOptions.IdleReadTimeout) => "Seal:Limits:ReadIdleTimeout",
        nameof(GrpcServerOptions.WriteTimeout) => "Seal:Limits:WriteTimeout",
        _ => option,
    };
}
