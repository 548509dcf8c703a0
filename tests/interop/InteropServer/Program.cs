// Serves grpc.testing.TestService on 127.0.0.1:PORT (default: any free port), h2c, and prints the address.
// Usage: InteropServer [PORT]
using System.Globalization;
using System.Net;
using Grpc.Health.V1;
using Grpc.Server;
using Grpc.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using SealService.Interop;

var port = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 0;
var health = new HealthService();
health.SetStatus(HealthService.WholeServer, HealthCheckResponse.Types.ServingStatus.Serving);
using var server = new GrpcServerBuilder()
    .AddService(TestService.BindService(new InteropTestService()))
    .AddService(Health.BindService(health))
    .AddReflection(TestService.Descriptor, Health.Descriptor)
    .Build();

var web = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
web.WebHost.UseKestrelCore().UseGrpcTransport(new GrpcTransportLimits()).ConfigureKestrel(kestrel => kestrel
    .Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2));
await using var app = web.Build();
app.Run(server.HandleAsync);
await app.StartAsync();
Console.WriteLine(app.Urls.Single());
await app.WaitForShutdownAsync();
