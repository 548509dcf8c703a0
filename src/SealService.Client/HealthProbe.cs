using Grpc.Core;

namespace SealService.Client;

/// <summary>
/// grpc.health.v1.Health/Check for the server as a whole. The two messages have one field each, so they are read by hand:
/// <code>
/// HealthCheckRequest   1: string service        empty for the server
/// HealthCheckResponse  1: ServingStatus status  0 UNKNOWN, 1 SERVING, 2 NOT_SERVING
/// </code>
/// </summary>
internal sealed class HealthProbe(CallInvoker invoker)
{
    private const byte StatusField = 1 << 3;

    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create(static bytes => bytes, static bytes => bytes);
    private static readonly Method<byte[], byte[]> Check = new(MethodType.Unary, "grpc.health.v1.Health", "Check", Bytes, Bytes);

    public async Task<ServerHealth> CheckAsync(CallOptions options)
    {
        using var call = invoker.AsyncUnaryCall(Check, host: null, options, []);
        return await call is [StatusField, 1 or 2] response ? (ServerHealth)response[1] : ServerHealth.Unknown;
    }
}
