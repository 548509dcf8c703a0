using System.Diagnostics;
using SealService.LoadTests.Measuring;
using SealService.LoadTests.Pacing;
using SealService.LoadTests.Transport;

namespace SealService.LoadTests.Traffic;

/// <summary>
/// Streams of framed requests, one or more a connection. Closed loop: each keeps a window of documents unanswered. Open loop: each sends what
/// is due, however slowly answers come.
/// </summary>
internal sealed class StreamTraffic : TrafficSource
{
    /// <summary>Documents that are sent together at most in an open loop.</summary>
    private const int PacedDocumentsMax = 1024;

    /// <summary>The window with which the capacity is measured that an open loop runs at a share of.</summary>
    private const int CapacityWindow = 8192;

    /// <summary>A closed loop sends no more than this share of its window together, however small the documents are.</summary>
    private const int WritesPerWindowMin = 4;

    /// <summary>How long answers may take after the last request.</summary>
    private static readonly TimeSpan FinishTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Makes one stream's requests; given the stream's number and a seed.</summary>
    public required Func<int, int, FrameSource> Frames { get; init; }

    public int StreamsPerConnection { get; init; } = 1;

    /// <summary>The most documents of one stream that are unanswered; a power of two.</summary>
    public int Window { get; init; } = 8192;

    /// <summary>The rate of an open loop; null for a closed loop.</summary>
    public Pace? Pace { get; init; }

    public override TrafficSource? InClosedLoop() => Pace is not ({ IsShareOfCapacity: true } or { Spread: Pace.Shape.Ramp }) ? null
        : new StreamTraffic { Frames = Frames, StreamsPerConnection = StreamsPerConnection, Window = CapacityWindow };

    public override async Task RunAsync(TrafficContext context, CancellationToken stopping)
    {
        using var pacer = Pace is null ? null : new Pacer();
        var connections = Enumerable.Range(0, context.Connections).Select(_ => new GrpcConnection(context.Address)).ToArray();
        try
        {
            var streams = context.Connections * StreamsPerConnection;
            var start = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, streams).Select(i => Task.Run(() => RunStreamAsync(
                context,
                connections[i % connections.Length],
                Frames(i, context.Seed + i),
                pacer,
                Pace?.CreateSchedule(start, streams, context.Seed + i, context.Capacity),
                context.Seed + i,
                stopping))));
        }
        finally
        {
            foreach (var connection in connections)
            {
                connection.Dispose();
            }
        }
    }

    private async Task RunStreamAsync(
        TrafficContext context, GrpcConnection connection, FrameSource frames, Pacer? pacer, ArrivalSchedule? schedule, int seed, CancellationToken stopping)
    {
        var meter = context.Meters.Add();
        var flights = new FlightLog(Window, meter);
        using var ended = new CancellationTokenSource();
        using var until = CancellationTokenSource.CreateLinkedTokenSource(stopping, ended.Token);
        using var finishing = stopping.Register(() => ended.CancelAfter(FinishTimeout));
        try
        {
            using var responses = await connection.OpenAsync(
                frames.Path,
                (stream, _) => schedule is null
                    ? SendWindowAsync(stream, frames, flights, until.Token)
                    : SendScheduleAsync(stream, frames, flights, meter, pacer!, schedule, until.Token),
                ended.Token);
            await ReadAsync(responses, context, frames, flights, meter, seed, ended.Token);
            if (flights.InFlight > 0)
            {
                meter.Failed($"the stream ended with {flights.InFlight} documents unanswered", flights.InFlight);
            }
        }
        catch (Exception e) when (e is GrpcCallException or OperationCanceledException)
        {
            meter.Failed(e is GrpcCallException ? e.Message : $"{flights.InFlight} documents were not answered within {FinishTimeout.TotalSeconds} s", Math.Max(1, flights.InFlight));
        }
        finally
        {
            await ended.CancelAsync();
        }
    }

    private static async Task ReadAsync(
        GrpcResponses responses, TrafficContext context, FrameSource frames, FlightLog flights, StreamMeter meter, int seed, CancellationToken cancellationToken)
    {
        var random = new Random(seed);
        do
        {
            while (responses.TryRead(out var message))
            {
                var answer = frames.Count(message.Span);
                if (frames is DocumentFrames documents)
                {
                    context.Sampler?.Offer(random, message.Span, documents, flights.Answered, meter);
                }

                if (answer.Failed > 0)
                {
                    meter.Failed(answer.Error!, answer.Failed);
                }

                flights.Answer(answer.Documents);
                var sealedDocuments = answer.Documents - answer.Failed;
                meter.Answered(sealedDocuments, (long)(sealedDocuments * frames.BytesPerDocument));
            }
        }
        while (await responses.WaitToReadAsync(cancellationToken));
    }

    private static async Task SendWindowAsync(Stream stream, FrameSource frames, FlightLog flights, CancellationToken stopping)
    {
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                var bytes = frames.Next(flights.Window / WritesPerWindowMin, out var documents);
                await flights.WaitForRoomAsync(documents, stopping);
                flights.Begin(Stopwatch.GetTimestamp(), documents);
                await stream.WriteAsync(bytes, CancellationToken.None); // a part of a frame would break the stream
                await stream.FlushAsync(CancellationToken.None);
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the requests: what was sent is still answered.
        }
    }

    private static async Task SendScheduleAsync(
        Stream stream, FrameSource frames, FlightLog flights, StreamMeter meter, Pacer pacer, ArrivalSchedule schedule, CancellationToken stopping)
    {
        var due = new long[PacedDocumentsMax];
        var dueCount = 0;
        var hasSentInTick = false;
        var writeEnded = Stopwatch.GetTimestamp();
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                var now = Stopwatch.GetTimestamp();
                for (; dueCount < due.Length && schedule.Next <= now; schedule.Advance())
                {
                    due[dueCount++] = schedule.Next;
                }

                if (dueCount < frames.DocumentsPerWriteMin || (hasSentInTick && dueCount < due.Length))
                {
                    await pacer.NextTick;
                    hasSentInTick = false;
                    continue;
                }

                // Before the last write ended nothing could be sent, so the time before that is the server's and not the generator's.
                meter.SendingLags.Record(Stopwatch.GetElapsedTime(Math.Max(due[0], writeEnded), now));

                var bytes = frames.Next(dueCount, out var documents);
                await flights.WaitForRoomAsync(documents, stopping);
                flights.Begin(due.AsSpan(0, documents));
                due.AsSpan(documents, dueCount - documents).CopyTo(due);
                dueCount -= documents;
                await stream.WriteAsync(bytes, CancellationToken.None);
                await stream.FlushAsync(CancellationToken.None);
                writeEnded = Stopwatch.GetTimestamp();
                hasSentInTick = true;
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the requests.
        }
    }
}
