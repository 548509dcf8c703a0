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
        new SealingService(ledgers, limits, drain).Bind(builder);
        new VerificationService(ledgers, drain).Bind(builder);
        builder.AddService(Seal.V1.Ledger.BindService(new LedgerService(ledgers, limits, drain)));
        builder.AddService(Seal.V1.Keys.BindService(new KeysService(ledgers)));
        builder.AddService(Grpc.Health.V1.Health.BindService(health.Grpc));
        builder.AddReflection(
            Seal.V1.Sealing.Descriptor, Seal.V1.Verification.Descriptor, Seal.V1.Ledger.Descriptor, Seal.V1.Keys.Descriptor, Grpc.Health.V1.Health.Descriptor);
        return builder.Build(loggers);
    }
}
