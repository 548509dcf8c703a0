using Grpc.Core;

namespace Grpc.Server.Internal;

/// <summary>Decides whether a call may begin, before anything of its body is read. Thread-safe.</summary>
internal sealed class CallAdmission(GrpcServerOptions options)
{
    /// <summary>What a call ends with when the server drains.</summary>
    public static readonly Status Stopping = new(StatusCode.Unavailable, "The server is stopping.");

    // Load balancers ask this until the end, and are to hear NOT_SERVING.
    private const string HealthCheck = "/grpc.health.v1.Health/Check";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    // Made once and never thrown: a refusal is to cost as little as possible.
    private readonly RpcException _stopping = new(Stopping);
    private readonly RpcException _tooManyCalls = StatusDetails.RetryLater(
        StatusCode.ResourceExhausted,
        $"The server is at its limit of {options.MaxConcurrentCalls} calls at a time ({options.LimitName(nameof(options.MaxConcurrentCalls))}).",
        RetryDelay);

    private int _calls;

    /// <summary>Null when the call may begin, and then it must <see cref="Leave"/>; otherwise what it is refused with.</summary>
    public RpcException? TryEnter(IMethod method)
    {
        if (options.Draining.IsCancellationRequested && !string.Equals(method.FullName, HealthCheck, StringComparison.Ordinal))
        {
            return _stopping;
        }

        if (Interlocked.Increment(ref _calls) > options.MaxConcurrentCalls)
        {
            Leave();
            return _tooManyCalls;
        }

        return null;
    }

    public void Leave() => Interlocked.Decrement(ref _calls);
}
