using Grpc.Server;
using SealService.Configuration;
using SealService.Services;

namespace SealService.Hosting;

/// <summary>All gRPC services of the server, bound together: seal.v1, health and reflection.</summary>
internal sealed class GrpcServices
{
    public GrpcServices(LedgerDirectory ledgers, LimitOptions limits, ServerStopping stopping, ILoggerFactory loggers)
    {
        var builder = new GrpcServerBuilder();
        builder.Options.MaxReceiveMessageBytes = limits.MessageBytesMax;
        builder.Options.IdleReadTimeout = limits.ReadIdleTimeout;
        builder.Options.WriteTimeout = limits.WriteTimeout;
        new SealingService(ledgers, limits, stopping).Bind(builder);
        new VerificationService(ledgers, stopping).Bind(builder);
        builder.AddService(Seal.V1.Ledger.BindService(new LedgerService(ledgers, limits, stopping)));
        builder.AddService(Seal.V1.Keys.BindService(new KeysService(ledgers)));
        builder.AddService(Grpc.Health.V1.Health.BindService(Health.Grpc));
        builder.AddReflection(
            Seal.V1.Sealing.Descriptor, Seal.V1.Verification.Descriptor, Seal.V1.Ledger.Descriptor, Seal.V1.Keys.Descriptor, Grpc.Health.V1.Health.Descriptor);
        Server = builder.Build(loggers);
    }

    public GrpcServer Server { get; }

    public ServerHealth Health { get; } = new();
}
