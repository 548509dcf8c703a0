using System.Buffers;
using Grpc.Server;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary><c>WriteAsync</c> of a stream: what is written while a flush is running is kept beside the pipe and leaves with the next flush, by itself.</summary>
public sealed class WriteBehindTests
{
    private const int FrameBytes = 1024;
    private const int MessageBytes = FrameBytes - 5;
    private const int BufferedBytesMax = 64 * 1024;

    private readonly TaskCompletionSource _mayEnd = new();
    private ServerStreamWriter<ReadOnlySequence<byte>>? _writer;

    [Fact]
    public async Task WriteAsync_NothingIsBeingSent_LeavesAtOnce()
    {
        using var server = BuildServer();
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);

        Assert.True(_writer!.WriteAsync(Bytes(MessageBytes), TestContext.Current.CancellationToken).IsCompletedSuccessfully);

        Assert.Equal(FrameBytes, call.TakeResponses());
        await EndAsync(call);
    }

    [Fact]
    public async Task WriteAsync_DuringAFlush_LeavesWithTheNextWithoutTheHandler()
    {
        using var server = BuildServer();
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);

        for (var i = 0; i < 4; i++)
        {
            Assert.True(_writer!.WriteAsync(Bytes(MessageBytes), TestContext.Current.CancellationToken).IsCompletedSuccessfully);
        }

        // Reading lets the flush go on, and the handler does nothing more.
        Assert.Equal(FrameBytes, call.TakeResponses());
        Assert.Equal(3 * FrameBytes, call.TakeResponses());
        Assert.Equal(0, call.TakeResponses());
        await EndAsync(call);
    }

    [Fact]
    public async Task WriteAsync_ClientDoesNotRead_WaitsWhenTheBufferIsFull()
    {
        using var server = BuildServer();
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);

        var written = 0L;
        Task write;
        do
        {
            write = _writer!.WriteAsync(Bytes(MessageBytes), TestContext.Current.CancellationToken);
            written += FrameBytes;
        }
        while (write.IsCompletedSuccessfully && written < 2 * BufferedBytesMax);

        Assert.False(write.IsCompleted);
        Assert.Equal(BufferedBytesMax, _writer.UnflushedBytes);
        var taken = call.TakeResponses() + call.TakeResponses();
        Assert.Equal(written, taken);
        await write.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await EndAsync(call);
    }

    [Fact]
    public async Task WriteAsync_CancelledWhileItWaits_ThrowsAndTheMessageLeavesOnce()
    {
        using var server = BuildServer();
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);
        using var cancellation = new CancellationTokenSource();
        Assert.True(_writer!.WriteAsync(Bytes(MessageBytes), cancellation.Token).IsCompletedSuccessfully);
        var waiting = _writer.WriteAsync(Bytes(BufferedBytesMax), cancellation.Token);
        Assert.False(waiting.IsCompleted);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _writer.WriteAsync(Bytes(MessageBytes), cancellation.Token));
        Assert.Equal(FrameBytes, call.TakeResponses());
        Assert.Equal(BufferedBytesMax + 5, call.TakeResponses());
        Assert.Equal(0, call.TakeResponses());
        await EndAsync(call);
    }

    [Fact]
    public async Task WriteAsync_WhileOneWaits_InvalidOperation()
    {
        using var server = BuildServer();
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);
        await _writer!.WriteAsync(Bytes(MessageBytes), TestContext.Current.CancellationToken);
        var waiting = _writer.WriteAsync(Bytes(BufferedBytesMax), TestContext.Current.CancellationToken);

        Assert.Throws<InvalidOperationException>(() => _writer.Write(Bytes(MessageBytes)));

        Assert.Equal(FrameBytes + BufferedBytesMax + 5, call.TakeResponses() + call.TakeResponses());
        await waiting.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await EndAsync(call);
    }

    [Fact]
    public async Task WriteAsync_HandlerReturnsDuringAFlush_TheRestIsThereWithTheStatus()
    {
        using var server = BuildServer();
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);
        _ = _writer!.WriteAsync(Bytes(MessageBytes), TestContext.Current.CancellationToken);
        _ = _writer.WriteAsync(Bytes(MessageBytes), TestContext.Current.CancellationToken);

        await call.Requests.CompleteAsync();
        _mayEnd.SetResult();

        Assert.False(call.Ended.IsCompleted);
        Assert.Equal(FrameBytes, call.TakeResponses());
        await call.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal("0", call.Trailers.GrpcStatus);
        // Kestrel flushes what is left with the trailers.
        Assert.Equal(FrameBytes, _writer.UnflushedBytes);
    }

    [Fact]
    public async Task FlushAsync_WhileWritesAreBeingSent_CompletesWhenAllHaveLeft()
    {
        using var server = BuildServer();
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);
        _ = _writer!.WriteAsync(Bytes(MessageBytes), TestContext.Current.CancellationToken);
        _writer.Write(Bytes(MessageBytes));

        var flush = _writer.FlushAsync(TestContext.Current.CancellationToken).AsTask();

        Assert.False(flush.IsCompleted);
        Assert.Equal(FrameBytes, call.TakeResponses());
        Assert.Equal(FrameBytes, call.TakeResponses());
        await flush.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await EndAsync(call);
    }

    [Fact]
    public async Task FlushAsync_WithoutAToken_EndsWithTheCall()
    {
        // No reset reaches these pipes: it may not end a flush over Kestrel either.
        var time = new ManualTimeProvider();
        var builder = new GrpcServerBuilder().AddDuplex(async (_, responses, _) =>
        {
            responses.Write(Bytes(MessageBytes));
            await responses.FlushAsync(CancellationToken.None);
        });
        builder.Options.WriteTimeout = TimeSpan.FromSeconds(60);
        using var server = builder.Build(time: time);
        var call = InMemoryCall.Start(server, flushWaitsAt: 1);
        Assert.False(call.Ended.IsCompleted);

        await time.AdvanceUntilAsync(call.Ended, TimeSpan.FromSeconds(10));
    }

    private GrpcServer BuildServer() => new GrpcServerBuilder().AddDuplex((_, responses, _) =>
    {
        _writer = responses;
        return _mayEnd.Task;
    }).Build();

    private async Task EndAsync(InMemoryCall call)
    {
        await call.Requests.CompleteAsync();
        _mayEnd.SetResult();
        await call.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal("0", call.Trailers.GrpcStatus);
    }
}
