using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grpc.Core;

namespace Grpc.Server.Internal;

/// <summary>
/// The metrics of all servers in the process. Labels are bounded: a method is one that is served or <c>unknown</c>, a status one of 17.
/// Messages and bytes of a stream are added when it waits and when it ends, not one by one.
/// </summary>
internal static class ServerMetrics
{
    public const string MeterName = "SealService.Grpc";

    private const string MethodTag = "rpc.method";
    private const string StatusTag = "rpc.grpc.status_code";

    private static readonly Meter Meter = new(MeterName);

    private static readonly Counter<long> CallsStarted =
        Meter.CreateCounter<long>("grpc.server.calls.started", "{call}", "Calls that began");

    private static readonly Counter<long> CallsEnded =
        Meter.CreateCounter<long>("grpc.server.calls.ended", "{call}", "Calls that ended, by status");

    private static readonly UpDownCounter<long> CallsActive =
        Meter.CreateUpDownCounter<long>("grpc.server.calls.active", "{call}", "Calls that are running");

    private static readonly Histogram<double> CallDuration = Meter.CreateHistogram(
        "grpc.server.call.duration", "s", "From the request's headers to the status", advice: new InstrumentAdvice<double>
        {
            // gRPC proposal A66, "Units": the buckets of latencies.
            HistogramBucketBoundaries =
            [
                0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013, 0.016, 0.02,
                0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100,
            ],
        });

    private static readonly Counter<long> MessagesReceived =
        Meter.CreateCounter<long>("grpc.server.messages.received", "{message}", "Request messages");

    private static readonly Counter<long> MessagesSent =
        Meter.CreateCounter<long>("grpc.server.messages.sent", "{message}", "Response messages");

    private static readonly Counter<long> BytesReceived =
        Meter.CreateCounter<long>("grpc.server.bytes.received", "By", "Request messages with their prefixes, as received");

    private static readonly Counter<long> BytesSent =
        Meter.CreateCounter<long>("grpc.server.bytes.sent", "By", "Response messages with their prefixes, as sent");

    private static readonly string[] StatusNames = [.. Enum.GetValues<StatusCode>().Order().Select(code => ((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture))];

    /// <summary>Somebody listens to how long calls take; reading the clock costs a unary call some 1 %.</summary>
    public static bool MeasuresDuration => CallDuration.Enabled;

    public static void Started(string method)
    {
        CallsStarted.Add(1, new KeyValuePair<string, object?>(MethodTag, method));
        CallsActive.Add(1, new KeyValuePair<string, object?>(MethodTag, method));
    }

    public static void Ended(string method, StatusCode status, TimeSpan? duration)
    {
        CallsActive.Add(-1, new KeyValuePair<string, object?>(MethodTag, method));
        if (!CallsEnded.Enabled && !CallDuration.Enabled)
        {
            return;
        }

        var tags = new TagList { { MethodTag, method }, { StatusTag, StatusNames[(int)status] } };
        CallsEnded.Add(1, tags);
        if (duration is { } measured)
        {
            CallDuration.Record(measured.TotalSeconds, tags);
        }
    }

    public static void Received(string method, int messages, long bytes)
    {
        var tag = new KeyValuePair<string, object?>(MethodTag, method);
        MessagesReceived.Add(messages, tag);
        BytesReceived.Add(bytes, tag);
    }

    public static void Sent(string method, int messages, long bytes)
    {
        var tag = new KeyValuePair<string, object?>(MethodTag, method);
        MessagesSent.Add(messages, tag);
        BytesSent.Add(bytes, tag);
    }
}
