using Grpc.Testing;
using SealService.Interop;
using Xunit;

namespace SealService.Tests.Grpc;

/// <summary>gRPC's interoperability cases, our client against our server, in process. tests/interop runs both against foreign peers.</summary>
public sealed class InteropTests : IAsyncLifetime
{
    private GrpcTestHost _host = null!;

    public static TheoryData<string> Cases => [.. InteropCases.All.Keys];

    public async ValueTask InitializeAsync() =>
        _host = await GrpcTestHost.StartAsync(server => server.AddService(TestService.BindService(new InteropTestService())));

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory]
    [MemberData(nameof(Cases))]
    public Task Case(string name) => InteropCases.RunAsync(InteropCases.All[name], new InteropPeer(_host.Address, seesCompression: true));
}
