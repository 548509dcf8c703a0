using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using SealService.Configuration;

namespace SealService.Observability;

/// <summary>Pushes traces and metrics by OTLP while it lives, when an endpoint is configured.</summary>
internal sealed class OtlpExport : IDisposable
{
    private readonly MeterProvider? _metrics;
    private readonly TracerProvider? _traces;

    private OtlpExport(MeterProvider? metrics, TracerProvider? traces)
    {
        _metrics = metrics;
        _traces = traces;
    }

    public static OtlpExport Start(TelemetryOptions options)
    {
        if (options.OtlpEndpoint.Length == 0)
        {
            return new OtlpExport(null, null);
        }

        var endpoint = new Uri(options.OtlpEndpoint);
        var resource = ResourceBuilder.CreateDefault().AddService("sealservice");
        return new OtlpExport(
            Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter("SealService*", "System.Runtime").AddOtlpExporter(o => o.Endpoint = endpoint).Build(),
            Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource("SealService*", "Microsoft.AspNetCore").AddOtlpExporter(o => o.Endpoint = endpoint).Build());
    }

    public void Dispose()
    {
        _metrics?.Dispose();
        _traces?.Dispose();
    }
}
