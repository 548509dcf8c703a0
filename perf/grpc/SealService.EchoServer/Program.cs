using System.Net;
using Grpc.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using SealService.EchoServer;

// SealService.EchoServer [ADDRESS:PORT]
// perf.v1.Echo through the gRPC layer, and /bare/unary and /bare/stream, the same bytes without it, on the same Kestrel.
if (args.Length > 1)
{
    await Console.Error.WriteLineAsync("usage: SealService.EchoServer [ADDRESS:PORT]");
    return 2;
}

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseGrpcTransport(new GrpcTransportLimits());
builder.WebHost.ConfigureKestrel(kestrel =>
{
    // The gRPC layer lifts these for its calls; the bare endpoints are not to pay for that.
    kestrel.Limits.MinRequestBodyDataRate = null;
    kestrel.Limits.MaxRequestBodySize = null;
    kestrel.Listen(IPEndPoint.Parse(args.Length > 0 ? args[0] : "127.0.0.1:0"), endpoint => endpoint.Protocols = HttpProtocols.Http2);
});
await using var app = builder.Build();
using var server = new GrpcServerBuilder()
    .AddService(Perf.V1.Echo.BindService(new EchoService()))
    .Replace(EchoService.RawUnaryMethod, EchoService.RawUnaryAsync)
    .Replace(EchoService.RawStreamMethod, EchoService.RawStreamAsync)
    .Build();
app.Run(http => http.Request.Path.Value switch
{
    "/bare/unary" => BareEcho.UnaryAsync(http),
    "/bare/stream" => BareEcho.StreamAsync(http),
    _ => server.HandleAsync(http),
});
await app.StartAsync();
Console.WriteLine($"The echo server is ready: gRPC on {new Uri(app.Urls.First()).Authority}, HTTP on -");
await app.WaitForShutdownAsync();
return 0;
