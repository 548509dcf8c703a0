using System.Net;
using Grpc.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using SealService.BaselineServer;

// SealService.BaselineServer null|hash-only [ADDRESS:PORT]
// Serves the service's bulk methods over its transport, with its limits, and does none of its work, or only the hashing.
if (args is not (["null" or "hash-only"] or ["null" or "hash-only", _]))
{
    await Console.Error.WriteLineAsync("usage: SealService.BaselineServer null|hash-only [ADDRESS:PORT]");
    return 2;
}

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
// The service's defaults (SealOptions): a baseline with other windows would compare windows.
builder.WebHost.UseGrpcTransport(new GrpcTransportLimits { StreamWindowBytes = 1024 * 1024, ConnectionWindowBytes = 8 * 1024 * 1024, MaxStreamsPerConnection = 256 });
builder.WebHost.ConfigureKestrel(kestrel =>
    kestrel.Listen(IPEndPoint.Parse(args.Length > 1 ? args[1] : "127.0.0.1:0"), endpoint => endpoint.Protocols = HttpProtocols.Http2));
await using var app = builder.Build();
var grpc = new GrpcServerBuilder();
new BaselineService(hashes: args[0] == "hash-only").Bind(grpc);
using var server = grpc.Build();
app.Run(server.HandleAsync);
await app.StartAsync();
// The service's own words, so that the load suite waits for both in the same way.
Console.WriteLine($"The {args[0]} baseline is ready: gRPC on {new Uri(app.Urls.First()).Authority}, HTTP on -");
await app.WaitForShutdownAsync();
return 0;
