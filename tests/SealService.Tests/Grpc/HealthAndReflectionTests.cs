using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1;
using Grpc.Server;
using Grpc.Testing;
using SealService.Interop;
using Xunit;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace SealService.Tests.Grpc;

public sealed class HealthAndReflectionTests : IAsyncLifetime
{
    private readonly HealthService _health = new();
    private GrpcTestHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Health.HealthClient HealthClient => new(_host.Channel);

    public async ValueTask InitializeAsync() => _host = await GrpcTestHost.StartAsync(server => server
        .AddService(Health.BindService(_health))
        .AddService(TestService.BindService(new InteropTestService()))
        .AddReflection(Health.Descriptor, TestService.Descriptor));

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Check_WholeServer_FollowsTheStatus()
    {
        Assert.Equal(ServingStatus.NotServing, (await HealthClient.CheckAsync(new HealthCheckRequest(), cancellationToken: Cancellation)).Status);

        _health.SetStatus("", ServingStatus.Serving);

        Assert.Equal(ServingStatus.Serving, (await HealthClient.CheckAsync(new HealthCheckRequest(), cancellationToken: Cancellation)).Status);
    }

    [Fact]
    public async Task Check_UnknownService_NotFound()
    {
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await HealthClient.CheckAsync(new HealthCheckRequest { Service = "nothing" }, cancellationToken: Cancellation));

        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
    }

    [Fact]
    public async Task Watch_FollowsTheStatusUntilShutdown()
    {
        using var watch = HealthClient.Watch(new HealthCheckRequest { Service = "a" }, cancellationToken: Cancellation);

        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync());
        _health.SetStatus("a", ServingStatus.Serving);
        Assert.Equal(ServingStatus.Serving, await NextAsync());
        _health.Shutdown();
        Assert.Equal(ServingStatus.NotServing, await NextAsync());
        var failure = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        _health.SetStatus("a", ServingStatus.Serving);
        Assert.Equal(ServingStatus.NotServing, (await HealthClient.CheckAsync(new HealthCheckRequest { Service = "a" }, cancellationToken: Cancellation)).Status);

        async Task<ServingStatus> NextAsync()
        {
            Assert.True(await watch.ResponseStream.MoveNext(Cancellation));
            return watch.ResponseStream.Current.Status;
        }
    }

    [Theory]
    [InlineData("grpc.reflection.v1.ServerReflection")]
    [InlineData("grpc.reflection.v1alpha.ServerReflection")]
    public async Task ListServices_GivesAllServices(string version)
    {
        var response = await AskAsync(version, new ServerReflectionRequest { ListServices = "*" });

        Assert.Equal(
            ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "grpc.testing.TestService"],
            response.ListServicesResponse.Service.Select(service => service.Name));
    }

    [Theory]
    [InlineData("grpc.testing.TestService")]
    [InlineData("grpc.testing.TestService.UnaryCall")]
    public async Task FileContainingSymbol_GivesTheFileAndItsImports(string symbol)
    {
        var response = await AskAsync("grpc.reflection.v1.ServerReflection", new ServerReflectionRequest { FileContainingSymbol = symbol });

        // Any order will do for a client; building the descriptors proves that the set is closed.
        var files = response.FileDescriptorResponse.FileDescriptorProto.ToDictionary(bytes => FileDescriptorProto.Parser.ParseFrom(bytes).Name);
        Assert.Equal(["grpc/testing/empty.proto", "grpc/testing/messages.proto", "grpc/testing/test.proto"], files.Keys.Order());
        var built = FileDescriptor.BuildFromByteStrings(files.OrderBy(file => file.Key).Select(file => file.Value));
        Assert.Equal("grpc.testing.TestService", built[^1].Services[0].FullName);
    }

    [Theory]
    [InlineData("grpc.testing.SimpleRequest")]
    [InlineData("grpc.testing.SimpleRequest.payload")]
    [InlineData("grpc.testing.PayloadType")]
    public async Task FileContainingSymbol_OfMessages_GivesTheirFile(string symbol)
    {
        var response = await AskAsync("grpc.reflection.v1.ServerReflection", new ServerReflectionRequest { FileContainingSymbol = symbol });

        var file = FileDescriptorProto.Parser.ParseFrom(response.FileDescriptorResponse.FileDescriptorProto[0]);
        Assert.Equal("grpc/testing/messages.proto", file.Name);
        Assert.Equal(symbol, response.OriginalRequest.FileContainingSymbol);
    }

    [Fact]
    public async Task FileByFilename_GivesTheFile()
    {
        var response = await AskAsync("grpc.reflection.v1.ServerReflection", new ServerReflectionRequest { FileByFilename = "grpc/health/v1/health.proto" });

        Assert.Equal(Health.Descriptor.File.SerializedData, Assert.Single(response.FileDescriptorResponse.FileDescriptorProto));
    }

    [Fact]
    public async Task UnknownThings_AreErrorsInTheStream()
    {
        const string Version = "grpc.reflection.v1.ServerReflection";
        Assert.Equal(5, (await AskAsync(Version, new ServerReflectionRequest { FileByFilename = "no.proto" })).ErrorResponse.ErrorCode);
        Assert.Equal(5, (await AskAsync(Version, new ServerReflectionRequest { FileContainingSymbol = "no.Symbol" })).ErrorResponse.ErrorCode);
        Assert.Equal(5, (await AskAsync(Version, new ServerReflectionRequest { AllExtensionNumbersOfType = "no.Message" })).ErrorResponse.ErrorCode);
        Assert.Equal(12, (await AskAsync(Version, new ServerReflectionRequest())).ErrorResponse.ErrorCode);
        var numbers = await AskAsync(Version, new ServerReflectionRequest { AllExtensionNumbersOfType = "grpc.testing.Empty" });
        Assert.Empty(numbers.AllExtensionNumbersResponse.ExtensionNumber);
    }

    private async Task<ServerReflectionResponse> AskAsync(string service, ServerReflectionRequest request)
    {
        var method = new Method<ServerReflectionRequest, ServerReflectionResponse>(
            MethodType.DuplexStreaming,
            service,
            "ServerReflectionInfo",
            Marshallers.Protobuf(ServerReflectionRequest.Parser),
            Marshallers.Protobuf(ServerReflectionResponse.Parser));
        using var call = _host.Channel.CreateCallInvoker().AsyncDuplexStreamingCall(method, null, new CallOptions(cancellationToken: Cancellation));
        await call.RequestStream.WriteAsync(request, Cancellation);
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        var response = call.ResponseStream.Current;
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
        return response;
    }
}
