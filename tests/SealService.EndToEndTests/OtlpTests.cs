using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>Traces and metrics reach an OTLP collector, when one is configured.</summary>
public sealed class OtlpTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    // With the first bound above 0 of each, and how many bytes behind the name it lies at most: in the next instrument it would lie farther.
    private static readonly (string Name, double Bound, int WithinBytes)[] DurationHistograms =
    [
        ("seal.ledger.sign.duration", 0.00005, 400), ("seal.ledger.commit.duration", 0.00005, 400), ("seal.hsm.sign.duration", 0.0001, 400), ("grpc.server.call.duration", 0.00001, 650),
    ];

    [Fact]
    public async Task TracesAndMetrics_ArePushedToTheCollector()
    {
        var received = new ConcurrentDictionary<string, byte[]>(StringComparer.Ordinal);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(System.Net.IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        await using var collector = builder.Build();
        collector.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            received[http.Request.Path] = body.ToArray();
            http.Response.ContentType = "application/grpc";
            http.Response.AppendTrailer("grpc-status", "0");
            await http.Response.Body.WriteAsync(new byte[5]); // an empty message
        });
        await collector.StartAsync(TestContext.Current.CancellationToken);

        await using var server = new RealServer(hsm, settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Seal__Telemetry__OtlpEndpoint"] = collector.Urls.First(),
        });
        await server.StartAsync();
        await TestDocuments.SealAsync(server, 3);
        Assert.Equal(0, await server.StopAsync()); // what is left is pushed at the end

        Assert.Contains("sealservice"u8.ToArray(), received["/opentelemetry.proto.collector.trace.v1.TraceService/Export"]);
        var metrics = received["/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"];
        Assert.Contains("seal.ledger.entries"u8.ToArray(), metrics);
        Assert.All(DurationHistograms, histogram =>
        {
            // OpenTelemetry's own buckets would have all durations below 5 s in one.
            var at = metrics.AsSpan().IndexOf(Encoding.UTF8.GetBytes(histogram.Name));
            Assert.True(at >= 0);
            Assert.InRange(metrics.AsSpan(at).IndexOf(BitConverter.GetBytes(histogram.Bound)), 1, histogram.WithinBytes);
        });
    }
}
