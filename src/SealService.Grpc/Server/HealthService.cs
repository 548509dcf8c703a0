using Grpc.Core;
using Grpc.Health.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Grpc.Server;

/// <summary>
/// <c>grpc.health.v1</c>. The host sets the statuses: one a service, and the one of the empty name for the whole server, which is
/// NOT_SERVING until it is set. Safe for concurrent use.
/// </summary>
public sealed class HealthService : Grpc.Health.V1.Health.HealthBase
{
    /// <summary>The name that stands for the whole server.</summary>
    public const string WholeServer = "";

    private readonly Lock _gate = new();

    // Guarded by _gate.
    private readonly Dictionary<string, ServingStatus> _statuses =
        new(StringComparer.Ordinal) { [WholeServer] = ServingStatus.NotServing };

    private TaskCompletionSource _changed = NewSignal();
    private bool _isShutDown;

    /// <summary>Sets the status of a service. Without effect after <see cref="Shutdown"/>.</summary>
    public void SetStatus(string service, ServingStatus status)
    {
        ArgumentNullException.ThrowIfNull(service);
        lock (_gate)
        {
            if (!_isShutDown)
            {
                _statuses[service] = status;
                SignalChange();
            }
        }
    }

    /// <summary>Everything is NOT_SERVING from now on, and watches end. The first step of a graceful stop: see the callers leave, then stop.</summary>
    public void Shutdown()
    {
        lock (_gate)
        {
            _isShutDown = true;
            foreach (var service in _statuses.Keys.ToArray())
            {
                _statuses[service] = ServingStatus.NotServing;
            }

            SignalChange();
        }
    }

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        lock (_gate)
        {
            return _statuses.TryGetValue(request.Service, out var status)
                ? Task.FromResult(new HealthCheckResponse { Status = status })
                : throw new RpcException(new Status(StatusCode.NotFound, "The status of that service is not known."));
        }
    }

    public override async Task Watch(
        HealthCheckRequest request,
        IServerStreamWriter<HealthCheckResponse> responseStream,
        ServerCallContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(responseStream);
        ArgumentNullException.ThrowIfNull(context);
        ServingStatus? sent = null;
        while (true)
        {
            ServingStatus status;
            Task changed;
            bool isShutDown;
            lock (_gate)
            {
                status = _statuses.GetValueOrDefault(request.Service, ServingStatus.ServiceUnknown);
                changed = _changed.Task;
                isShutDown = _isShutDown;
            }

            // A watcher that is slow misses what came and went, never what is.
            if (status != sent)
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status }, context.CancellationToken);
                sent = status;
            }

            if (isShutDown)
            {
                // An open stream would hold up the server's stop.
                throw new RpcException(new Status(StatusCode.Unavailable, "The server is shutting down."));
            }

            await changed.WaitAsync(context.CancellationToken);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void SignalChange()
    {
        _changed.SetResult();
        _changed = NewSignal();
    }
}
