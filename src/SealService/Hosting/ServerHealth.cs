using Grpc.Server;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace SealService.Hosting;

/// <summary>Whether the server serves: one truth for grpc.health.v1 and for <c>/healthz</c>.</summary>
internal sealed class ServerHealth
{
    private static readonly string[] Services =
        [HealthService.WholeServer, Seal.V1.Sealing.Descriptor.FullName, Seal.V1.Verification.Descriptor.FullName, Seal.V1.Ledger.Descriptor.FullName, Seal.V1.Keys.Descriptor.FullName];

    private volatile bool _isServing;

    public HealthService Grpc { get; } = new();

    public bool IsServing => _isServing;

    /// <summary>Everything is up.</summary>
    public void StartServing()
    {
        foreach (var service in Services)
        {
            Grpc.SetStatus(service, ServingStatus.Serving);
        }

        _isServing = true;
    }

    /// <summary>NOT_SERVING for good: the first step of stopping.</summary>
    public void StopServing()
    {
        _isServing = false;
        Grpc.Shutdown();
    }
}
