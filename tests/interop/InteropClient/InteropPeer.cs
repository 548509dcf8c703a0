using Grpc.Net.Client;
using Grpc.Testing;

namespace SealService.Interop;

/// <summary>The server that the cases run against.</summary>
/// <param name="address">Such as <c>http://127.0.0.1:8080</c>.</param>
/// <param name="seesCompression">Whether the server can tell a compressed request from another; those of some languages can't.</param>
public sealed class InteropPeer(string address, bool seesCompression)
{
    internal bool SeesCompression { get; } = seesCompression;

    internal GrpcChannel Connect(GrpcChannelOptions? options = null) => GrpcChannel.ForAddress(address, options ?? new GrpcChannelOptions());

    /// <summary>Runs the body on a channel of its own.</summary>
    internal async Task WithClientAsync(Func<TestService.TestServiceClient, Task> body, GrpcChannelOptions? options = null)
    {
        using var channel = Connect(options);
        await body(new TestService.TestServiceClient(channel));
    }
}
