using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Server;
using Grpc.Wire;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>The raw door allocates nothing for a message: what is left is per read of the pipe, which many messages share.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    [Fact]
    public async Task Reader_ManyMessagesInAPipeRead_AllocatesNothingPerMessage()
    {
        const int Messages = 1000;
        const int Rounds = 20;
        var chunk = Enumerable.Repeat(RawHttp.Frame(new byte[100]), Messages).SelectMany(frame => frame).ToArray();
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false, readerScheduler: PipeScheduler.Inline));
        using var messages = new PipeMessageReader(pipe.Reader);
        var reader = new ServerStreamReader<ReadOnlySequence<byte>>(messages, Marshallers.Raw);
        var total = 0L;
        var allocated = 0L;

        for (var round = 0; round < Rounds + 1; round++)
        {
            pipe.Writer.Write(chunk);
            await pipe.Writer.FlushAsync(TestContext.Current.CancellationToken);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var ready = reader.WaitToReadAsync(TestContext.Current.CancellationToken);
            Assert.True(ready.IsCompletedSuccessfully && await ready);
            while (reader.TryRead(out var message))
            {
                total += message.Length;
            }

            // The first round warms up.
            allocated += round > 0 ? GC.GetAllocatedBytesForCurrentThread() - before : 0;
        }

        Assert.Equal(100L * Messages * (Rounds + 1), total);
        Assert.True(allocated < Rounds * 100, $"{allocated} bytes for {Messages * Rounds} messages");
    }

    [Fact]
    public void Writer_RawMessages_AllocatesNothingPerMessage()
    {
        const int Messages = 10_000;
        var pipe = new SinkWriter();
        using var writer = new MessageWriter(pipe, 1000);
        var message = Bytes(100);
        writer.Write(Marshallers.Raw, message, compress: false);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Messages; i++)
        {
            writer.Write(Marshallers.Raw, message, compress: false);
        }

        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1000);
        Assert.Equal(105L * (Messages + 1), pipe.Written);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Server_EchoThroughTheRawDoor_AllocatesNothingInSteadyState(bool flushesWait)
    {
        const int Messages = 50;
        const int MessageBytes = 1024;
        const int WarmUpRounds = 200;
        const int Rounds = 1000;
        const int WarmUpsMax = 20; // on a busy machine the compiler's last word may come late
        using var server = new GrpcServerBuilder().AddDuplex(async (requests, responses, _) =>
        {
            while (await requests.WaitToReadAsync())
            {
                while (requests.TryRead(out var message))
                {
                    responses.Write(message);
                }

                await responses.FlushAsync();
            }
        }).Build();
        var call = InMemoryCall.Start(server, flushWaitsAt: flushesWait ? 1 : 0);
        // Each write ends inside a message: messages across reads are a part of it.
        var frame = RawHttp.Frame(new byte[MessageBytes]);
        var chunk = Enumerable.Repeat(frame, Messages).SelectMany(bytes => bytes).ToArray();
        call.Requests.Write(frame.AsSpan(0, 100));
        var echoed = 0L;
        var warmUps = 1;
        while (RunRounds(WarmUpRounds) > 0 && warmUps < WarmUpsMax)
        {
            warmUps++;
        }

        var allocated = RunRounds(Rounds);

        Assert.Equal((((long)warmUps * WarmUpRounds) + Rounds) * chunk.Length, echoed);
        Assert.True(allocated == 0, $"{allocated} bytes for {Rounds * Messages} messages");
        call.Requests.Write(frame.AsSpan(100));
        await call.Requests.CompleteAsync();
        call.TakeResponses();
        await call.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal("0", call.Trailers.GrpcStatus);

        // Returns what was allocated.
        long RunRounds(int rounds)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var round = 0; round < rounds; round++)
            {
                call.Requests.Write(chunk.AsSpan(100));
                call.Requests.Write(chunk.AsSpan(0, 100));
                // Inline: the handler has read and answered when this returns.
                var flush = call.Requests.FlushAsync(TestContext.Current.CancellationToken);
                Assert.True(flush.IsCompletedSuccessfully);
                echoed += call.TakeResponses();
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task Stream_ServerAndClientTogether_AllocatesLittlePerMessage()
    {
        const int Messages = 200_000;
        const int MessageBytes = 100;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (requests, responses, context) =>
        {
            var count = 0L;
            while (await requests.WaitToReadAsync(context.CancellationToken))
            {
                while (requests.TryRead(out _))
                {
                    count++;
                }
            }

            await responses.WriteAsync(Bytes($"{count}"), context.CancellationToken);
        }));
        Assert.Equal($"{Messages}", await SendAsync(Messages)); // warms up

        var before = GC.GetTotalAllocatedBytes(precise: true);
        Assert.Equal($"{Messages}", await SendAsync(Messages));
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        // The whole process: Kestrel, SocketsHttpHandler, this layer on both sides, and the test runner.
        Assert.True(allocated < Messages * MessageBytes / 4, $"{(double)allocated / Messages:F2} bytes a message");

        async Task<string> SendAsync(int messages)
        {
            using var call = host.Channel.CreateCallInvoker().CallDuplex();
            var message = Bytes(MessageBytes);
            for (var i = 0; i < messages; i++)
            {
                call.RequestStream.Write(message);
                if (call.RequestStream.UnflushedBytes > 64 * 1024)
                {
                    await call.RequestStream.FlushAsync();
                }
            }

            await call.RequestStream.CompleteAsync();
            Assert.True(await call.ResponseStream.WaitToReadAsync());
            Assert.True(call.ResponseStream.TryRead(out var answer));
            return Text(answer);
        }
    }

    private sealed class PipeMessageReader(PipeReader pipe) : MessageReader(pipe, new ReceiveLimits(1000), acceptsCompressed: false)
    {
        protected override Exception WaitWasCancelled() => new OperationCanceledException();

        protected override Exception Translate(Exception transportFailure) => transportFailure;
    }

    /// <summary>Takes everything into one buffer, over and over.</summary>
    private sealed class SinkWriter : PipeWriter
    {
        private readonly byte[] _buffer = new byte[4096];

        public long Written { get; private set; }

        public override void Advance(int bytes) => Written += bytes;

        public override Memory<byte> GetMemory(int sizeHint = 0) => _buffer;

        public override Span<byte> GetSpan(int sizeHint = 0) => _buffer;

        public override void CancelPendingFlush() => throw new NotSupportedException();

        public override void Complete(Exception? exception = null) => throw new NotSupportedException();

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }
}
