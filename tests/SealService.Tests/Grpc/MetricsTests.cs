using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Grpc.Core;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

public sealed class MetricsTests
{
    private static readonly Method<System.Buffers.ReadOnlySequence<byte>, System.Buffers.ReadOnlySequence<byte>> Measured =
        new(MethodType.Unary, "test.Metrics", "Measured", Marshallers.Raw, Marshallers.Raw);

    [Fact]
    public async Task Calls_AreCountedByMethodAndStatus()
    {
        var sums = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "SealService.Grpc")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Add(instrument, 1, tags));
        listener.Start();
        var host = await GrpcTestHost.StartAsync(server => server.AddService(
            ServerServiceDefinition.CreateBuilder().AddMethod(Measured, HandleAsync).Build()));
        await using (host)
        {
            var invoker = host.Channel.CreateCallInvoker();
            await invoker.AsyncUnaryCall(Measured, null, default, Bytes(10));
            await invoker.AsyncUnaryCall(Measured, null, default, Bytes(20));
            await Assert.ThrowsAsync<RpcException>(async () => await invoker.AsyncUnaryCall(Measured, null, default, Bytes(0)));
        }

        // The server has stopped, so every call has been counted.
        Assert.Equal(3, sums["grpc.server.calls.started /test.Metrics/Measured"]);
        Assert.Equal(0, sums["grpc.server.calls.active /test.Metrics/Measured"]);
        Assert.Equal(2, sums["grpc.server.calls.ended /test.Metrics/Measured 0"]);
        Assert.Equal(1, sums["grpc.server.calls.ended /test.Metrics/Measured 5"]);
        Assert.Equal(2, sums["grpc.server.call.duration /test.Metrics/Measured 0"]);
        Assert.Equal(3, sums["grpc.server.messages.received /test.Metrics/Measured"]);
        Assert.Equal(45, sums["grpc.server.bytes.received /test.Metrics/Measured"]);
        Assert.Equal(2, sums["grpc.server.messages.sent /test.Metrics/Measured"]);
        Assert.Equal(40, sums["grpc.server.bytes.sent /test.Metrics/Measured"]);

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var key = instrument.Name;
            foreach (var tag in tags)
            {
                key += $" {tag.Value}";
            }

            sums.AddOrUpdate(key, value, (_, sum) => sum + value);
        }

        static Task<System.Buffers.ReadOnlySequence<byte>> HandleAsync(System.Buffers.ReadOnlySequence<byte> request, ServerCallContext context) =>
            request.IsEmpty ? throw new RpcException(new Status(StatusCode.NotFound, "nothing")) : Task.FromResult(request);
    }
}
