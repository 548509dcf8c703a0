using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using Grpc.Server.Internal;

namespace Grpc.Server;

/// <summary>
/// Reflection of the services that a server has, in the versions <c>v1</c> and <c>v1alpha</c>: they differ in their package only, so the
/// messages of <c>v1</c> serve both.
/// </summary>
public static class ReflectionService
{
    /// <summary>Adds reflection of these services and of reflection itself.</summary>
    public static GrpcServerBuilder AddReflection(this GrpcServerBuilder builder, params IEnumerable<ServiceDescriptor> services)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var v1 = ServerReflection.Descriptor;
        var v1Alpha = Grpc.Reflection.V1Alpha.ServerReflection.Descriptor;
        var index = new ReflectionIndex([.. services, v1, v1Alpha]);
        return builder
            .AddService(ServerServiceDefinition.CreateBuilder().AddMethod(MethodOf(v1), AnswerAsync).Build())
            .AddService(ServerServiceDefinition.CreateBuilder().AddMethod(MethodOf(v1Alpha), AnswerAsync).Build());

        async Task AnswerAsync(
            IAsyncStreamReader<ServerReflectionRequest> requests,
            IServerStreamWriter<ServerReflectionResponse> responses,
            ServerCallContext context)
        {
            // Tools keep these streams open; one would hold up the server's stop.
            var draining = context.GetDraining();
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, draining);
            try
            {
                await foreach (var request in requests.ReadAllAsync(ends.Token))
                {
                    var response = index.Answer(request);
                    response.ValidHost = request.Host;
                    response.OriginalRequest = request;
                    await responses.WriteAsync(response, ends.Token);
                }
            }
            catch (OperationCanceledException) when (draining.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
            {
                throw new RpcException(CallAdmission.Stopping);
            }
        }
    }

    private static Method<ServerReflectionRequest, ServerReflectionResponse> MethodOf(ServiceDescriptor service) => new(
        MethodType.DuplexStreaming,
        service.FullName,
        service.Methods[0].Name,
        Marshallers.Protobuf(ServerReflectionRequest.Parser),
        Marshallers.Protobuf(ServerReflectionResponse.Parser));
}
