using System.Diagnostics;
using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using SealService.LoadTests.Servers;

namespace SealService.EchoLoad;

/// <summary>What one target did in one round.</summary>
/// <param name="MessagesPerSecond">Messages, or calls, that came back.</param>
/// <param name="ServerMicroseconds">Processor time of the server for each of them, kernel included.</param>
internal sealed record EchoSample(double MessagesPerSecond, double ServerMicroseconds);

/// <summary>The load of a run.</summary>
/// <param name="CallsPerConnection">Unary calls at a time on a connection.</param>
/// <param name="MessagesInFlight">On a stream.</param>
/// <param name="MessageBytes">One message without its prefix.</param>
internal sealed record EchoShape(int CallsPerConnection, int MessagesInFlight, int MessageBytes);

/// <summary>Measures targets, one at a time.</summary>
internal sealed class EchoRun(IReadOnlyDictionary<EchoServerKind, ServerProcess> servers, EchoShape shape)
{
    /// <summary>Calls a target once with a real client, which checks status and answer.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task CheckAsync(EchoTarget target)
    {
        var message = EchoFrames.Message(shape.MessageBytes).AsSpan(EchoFrames.GrpcPrefixBytes).ToArray();
        var method = new Method<byte[], byte[]>(target.IsStream ? MethodType.DuplexStreaming : MethodType.Unary, target.Service, target.Method, Bytes, Bytes);
        using var channel = GrpcChannel.ForAddress("http://" + servers[target.Server].GrpcAddress);
        var invoker = channel.CreateCallInvoker();
        byte[] answer;
        if (target.IsStream)
        {
            using var call = invoker.AsyncDuplexStreamingCall(method, null, default);
            await call.RequestStream.WriteAsync(message);
            await call.RequestStream.CompleteAsync();
            var answers = await call.ResponseStream.ReadAllAsync().ToListAsync();
            answer = answers.Single();
        }
        else
        {
            answer = await invoker.AsyncUnaryCall(method, null, default, message);
        }

        if (!answer.AsSpan().SequenceEqual(message))
        {
            throw new InvalidOperationException($"{target.Name} does not echo.");
        }
    }

    /// <summary>Loads a target for a while, and counts in the second part of it.</summary>
    public async Task<EchoSample> MeasureAsync(EchoTarget target, TimeSpan warmUp, TimeSpan duration)
    {
        var server = servers[target.Server];
        var address = IPEndPoint.Parse(server.GrpcAddress);
        var message = EchoFrames.Message(shape.MessageBytes);
        Http2Connection[] connections = [.. Enumerable.Range(0, target.Connections).Select<int, Http2Connection>(_ => target.IsStream
            ? new StreamConnection(address, target.Path, message, shape.MessagesInFlight)
            : new UnaryConnection(address, target.Path, message, shape.CallsPerConnection))];
        try
        {
            var running = Task.WhenAll(connections.Select(connection =>
                Task.Factory.StartNew(connection.Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            await Task.WhenAny(running, Task.Delay(warmUp));
            var (echoedBefore, cpuBefore, begin) = (connections.Sum(c => c.Echoed), ServerProbe.ReadCpuSeconds(server.ProcessId), Stopwatch.GetTimestamp());
            await Task.WhenAny(running, Task.Delay(duration));
            var (echoed, cpu, elapsed) = (connections.Sum(c => c.Echoed) - echoedBefore, ServerProbe.ReadCpuSeconds(server.ProcessId) - cpuBefore, Stopwatch.GetElapsedTime(begin));
            foreach (var connection in connections)
            {
                connection.Stop();
            }

            await running;
            return new EchoSample(echoed / elapsed.TotalSeconds, cpu * 1e6 / echoed);
        }
        finally
        {
            foreach (var connection in connections)
            {
                connection.Dispose();
            }
        }
    }

    private static Marshaller<byte[]> Bytes { get; } = Marshallers.Create(static (byte[] bytes) => bytes, static bytes => bytes);
}
