using System.Diagnostics;
using SealService.LoadTests.Measuring;
using SealService.LoadTests.Transport;

namespace SealService.LoadTests.Traffic;

/// <summary>One large document after another on one stream: begin, chunks, end, answer. Bytes count when they were sent.</summary>
internal sealed class LargeDocumentTraffic : TrafficSource
{
    private const int ChunkBytes = 128 * 1024;
    private const int ChunksPerWrite = 8;
    private const byte Reference = 1;

    // Begin and End are empty messages; only their tags differ. SealDocumentsRequest { 1: ref  4: begin  6: end }
    private static readonly byte[] Begin = [0, 0, 0, 0, 4, WireBytes.Tag(1, false), Reference, WireBytes.Tag(4, true), 0];
    private static readonly byte[] End = [0, 0, 0, 0, 4, WireBytes.Tag(1, false), Reference, WireBytes.Tag(6, true), 0];

    public required long DocumentBytes { get; init; }

    public override async Task RunAsync(TrafficContext context, CancellationToken stopping)
    {
        var meter = context.Meters.Add();
        var chunks = FrameChunks(context.Seed);
        using var connection = new GrpcConnection(context.Address);
        using var answered = new SemaphoreSlim(0);
        using var broken = new CancellationTokenSource();
        try
        {
            using var responses = await connection.OpenAsync(
                "/seal.v1.Sealing/SealDocuments", (stream, _) => SendAsync(stream, chunks, meter, answered, stopping, broken.Token), CancellationToken.None);
            do
            {
                while (responses.TryRead(out var message))
                {
                    var answer = WireBytes.CountSealed(message.Span);
                    if (answer.Failed > 0)
                    {
                        meter.Failed(answer.Error!);
                    }

                    answered.Release(answer.Documents);
                }
            }
            while (await responses.WaitToReadAsync(CancellationToken.None));
        }
        catch (GrpcCallException e)
        {
            meter.Failed(e.Message);
        }
        finally
        {
            await broken.CancelAsync();
        }
    }

    private async Task SendAsync(
        Stream stream, byte[] chunks, StreamMeter meter, SemaphoreSlim answered, CancellationToken stopping, CancellationToken broken)
    {
        while (!stopping.IsCancellationRequested)
        {
            var start = Stopwatch.GetTimestamp();
            await stream.WriteAsync(Begin, broken);
            for (var sent = 0L; sent < DocumentBytes; sent += ChunkBytes * ChunksPerWrite)
            {
                await stream.WriteAsync(chunks, broken);
                meter.Answered(0, ChunkBytes * ChunksPerWrite);
                if (stopping.IsCancellationRequested)
                {
                    break; // what was measured is over: a shorter document ends the stream in order
                }
            }

            await stream.WriteAsync(End, broken);
            await stream.FlushAsync(broken);
            await answered.WaitAsync(broken);
            if (!stopping.IsCancellationRequested)
            {
                meter.Latencies.Record(Stopwatch.GetElapsedTime(start));
                meter.Answered(1, 0);
            }
        }
    }

    // SealDocumentsRequest { 1: ref  5: chunk }
    private static byte[] FrameChunks(int seed)
    {
        var length = 2 + WireBytes.SizeOfField(ChunkBytes);
        var frame = new byte[GrpcResponses.PrefixBytes + length];
        FrameSource.WritePrefix(frame, length);
        frame[GrpcResponses.PrefixBytes] = WireBytes.Tag(1, isBytes: false);
        frame[GrpcResponses.PrefixBytes + 1] = Reference;
        var at = GrpcResponses.PrefixBytes + 2;
        at += WireBytes.WriteFieldHeader(frame.AsSpan(at), 5, ChunkBytes);
#pragma warning disable CA5394 // any bytes do as a document
        new Random(seed).NextBytes(frame.AsSpan(at));
#pragma warning restore CA5394
        return [.. Enumerable.Repeat(frame, ChunksPerWrite).SelectMany(f => f)];
    }
}
