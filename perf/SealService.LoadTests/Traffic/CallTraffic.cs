using System.Diagnostics;
using SealService.LoadTests.Transport;

namespace SealService.LoadTests.Traffic;

/// <summary>Calls of one kind, so many in flight: a closed loop. What one call is, the derived type says.</summary>
internal abstract class CallTraffic : TrafficSource
{
    /// <summary>Calls in flight, over all connections.</summary>
    public required int Concurrency { get; init; }

    public override async Task RunAsync(TrafficContext context, CancellationToken stopping)
    {
        var connections = Enumerable.Range(0, Math.Min(context.Connections, Concurrency)).Select(_ => new GrpcConnection(context.Address)).ToArray();
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Concurrency).Select(i => Task.Run(() => RunLoopAsync(context, connections[i % connections.Length], i, stopping))));
        }
        finally
        {
            foreach (var connection in connections)
            {
                connection.Dispose();
            }
        }
    }

    /// <summary>What one loop keeps from call to call.</summary>
    protected abstract CallLoop CreateLoop(TrafficContext context, GrpcConnection connection, int number);

    private async Task RunLoopAsync(TrafficContext context, GrpcConnection connection, int number, CancellationToken stopping)
    {
        var meter = context.Meters.Add();
        var loop = CreateLoop(context, connection, number);
        while (!stopping.IsCancellationRequested)
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                var (documents, bytes) = await loop.CallAsync();
                meter.Latencies.Record(Stopwatch.GetElapsedTime(start), documents);
                meter.Answered(documents, bytes);
            }
            catch (GrpcCallException e)
            {
                meter.Failed(e.Message);
                // A server that refuses is not asked in a tight loop.
                await Task.Delay(TimeSpan.FromMilliseconds(10), CancellationToken.None);
            }
        }
    }
}

/// <summary>One loop of calls, one after another.</summary>
internal abstract class CallLoop
{
    /// <summary>Makes one call, and checks its answer where that is due.</summary>
    /// <returns>The documents that it was for, and their bytes.</returns>
    /// <exception cref="GrpcCallException">It failed, or the answer is wrong.</exception>
    public abstract Task<(int Documents, long Bytes)> CallAsync();
}
