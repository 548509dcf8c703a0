using System.Buffers;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Server;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>Calls that end before their handler does: deadlines, cancellation, stalls; and handlers that end before their client.</summary>
public sealed class EarlyEndTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Deadline_PassesOnTheServer_StatusArrivesAndHandlerIsCancelled(bool handlerReads)
    {
        var time = new ManualTimeProvider();
        var waits = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        await using var host = await GrpcTestHost.StartAsync(
            server => server.AddDuplex(async (requests, _, context) =>
            {
                waits.SetResult();
                try
                {
                    await (handlerReads
                        ? requests.WaitToReadAsync(Cancellation).AsTask()
                        : Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken));
                }
                catch (OperationCanceledException)
                {
                    cancelled.SetResult();
                    throw;
                }
            }),
            time);
        // The client has no deadline of its own: the header alone is sent.
        var answering = RawHttp.PostAsync(host.Address, "/test.Echo/DuplexStreaming", [], endsBody: false, headers: ("grpc-timeout", "5S"));
        await waits.Task;

        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(cancelled.Task.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal("4", (await answering).GrpcStatus);
        await cancelled.Task;
        Assert.Contains(host.Log.Entries, entry => entry.Id.Id == 1002);
    }

    [Fact]
    public async Task Deadline_PassesAfterResponses_StatusArrivesInTrailersAndLaterWritesAreCancelled()
    {
        var time = new ManualTimeProvider();
        var passed = new TaskCompletionSource();
        var result = new TaskCompletionSource<Exception?>();
        await using var host = await GrpcTestHost.StartAsync(
            server => server.AddDuplex(async (_, responses, _) =>
            {
                await responses.WriteAsync(Bytes("one"));
                await passed.Task;
                result.SetResult(await Record.ExceptionAsync(() => responses.WriteAsync(Bytes("two"), Cancellation)));
            }),
            time);
        using var call = host.Channel.CreateCallInvoker().CallDuplex(new CallOptions(new Metadata()).WithDeadline(DateTime.UtcNow.AddSeconds(60)));
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));

        time.Advance(TimeSpan.FromSeconds(61));
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));
        passed.SetResult();

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        Assert.IsAssignableFrom<OperationCanceledException>(await result.Task);
    }

    [Fact]
    public async Task Deadline_PassesOnTheClient_EndsTheCall()
    {
        var time = new ManualTimeProvider();
        var began = new TaskCompletionSource();
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary(async (request, context) =>
        {
            began.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
            return request;
        })));
        using var channel = host.CreateChannel(new GrpcChannelOptions { Time = time });
        using var call = channel.CreateCallInvoker().CallUnary(Bytes("x"), new CallOptions(deadline: time.GetUtcNow().UtcDateTime.AddSeconds(60)));
        await began.Task;

        time.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task Deadline_InThePast_EndsTheCallBeforeItIsSent()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((request, _) => Task.FromResult(request))));

        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await host.Channel.CreateCallInvoker().CallUnary(Bytes("x"), new CallOptions(deadline: DateTime.UtcNow.AddSeconds(-1))));

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_Cancels_HandlerSeesIt(bool byToken)
    {
        var began = new TaskCompletionSource();
        var seen = new TaskCompletionSource<Exception>();
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (requests, _, context) =>
        {
            began.SetResult();
            try
            {
                while (await requests.MoveNext(context.CancellationToken))
                {
                }
            }
            catch (Exception e)
            {
                seen.SetResult(e);
                throw;
            }
        }));
        using var cancellation = new CancellationTokenSource();
        using var call = host.Channel.CreateCallInvoker().CallDuplex(new CallOptions(cancellationToken: cancellation.Token));
        await call.RequestStream.WriteAsync(Bytes("x"), Cancellation);
        await began.Task;

        if (byToken)
        {
            await cancellation.CancelAsync();
        }
        else
        {
            call.Dispose();
        }

        Assert.IsAssignableFrom<OperationCanceledException>(await seen.Task);
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
        Assert.Throws<RpcException>(() => call.RequestStream.Write(Bytes("y")));
    }

    [Fact]
    public async Task Client_CancelsWhileHandlerDoesNotRead_TokenIsCancelled()
    {
        var began = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary(async (request, context) =>
        {
            context.CancellationToken.Register(cancelled.SetResult);
            began.SetResult();
            await cancelled.Task;
            return request;
        })));
        var call = host.Channel.CreateCallInvoker().CallUnary(Bytes("x"));
        await began.Task;

        call.Dispose();

        await cancelled.Task;
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task Handler_EndsWhileTheClientStillUploads_ClientGetsTheStatus()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (requests, _, context) =>
        {
            await requests.WaitToReadAsync(context.CancellationToken);
            throw new RpcException(new Status(StatusCode.ResourceExhausted, "enough"));
        }));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();

        // Writes until the end of the call stops it.
        var writing = Task.Run(
            async () =>
            {
                var chunk = Bytes(64 * 1024);
                while (true)
                {
                    call.RequestStream.Write(chunk);
                    await call.RequestStream.FlushAsync(Cancellation);
                }
            },
            Cancellation);
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));

        Assert.Equal(new Status(StatusCode.ResourceExhausted, "enough"), failure.Status);
        Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(() => writing)).StatusCode);
    }

    [Fact]
    public async Task IdleClient_OverTheTimeout_DeadlineExceededOnThisStreamOnly()
    {
        var time = new ManualTimeProvider();
        var waits = new TaskCompletionSource();
        await using var host = await GrpcTestHost.StartAsync(
            server =>
            {
                server.Options.IdleReadTimeout = TimeSpan.FromSeconds(60);
                server.AddService(BindUnary((request, _) => Task.FromResult(request)));
                server.AddDuplex(async (requests, responses, _) =>
                {
                    await responses.WriteAsync(Bytes("ready"));
                    var wait = requests.WaitToReadAsync();
                    waits.SetResult();
                    await wait;
                });
            },
            time);
        var invoker = host.Channel.CreateCallInvoker();
        using var call = invoker.CallDuplex();
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        await waits.Task;

        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal("still there", Text(await invoker.CallUnary(Bytes("still there"))));
        time.Advance(TimeSpan.FromSeconds(10));

        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        Assert.Equal("alive", Text(await invoker.CallUnary(Bytes("alive"))));
        Assert.Contains(host.Log.Entries, entry => entry.Id.Id == 1004);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClientThatDoesNotRead_OverTheTimeout_IsReset(bool behindTheHandler)
    {
        var time = new ManualTimeProvider();
        var blocked = new TaskCompletionSource();
        var ended = new TaskCompletionSource<Exception?>();
        await using var host = await GrpcTestHost.StartAsync(
            server =>
            {
                server.Options.WriteTimeout = TimeSpan.FromSeconds(60);
                server.AddDuplex(async (_, responses, _) =>
                {
                    while (true)
                    {
                        var write = behindTheHandler ? responses.WriteAsync(Bytes(256 * 1024)) : WriteAndFlushAsync(responses);
                        if (!write.IsCompleted)
                        {
                            blocked.TrySetResult();
                        }

                        if (await Record.ExceptionAsync(() => write) is { } failure)
                        {
                            ended.SetResult(failure);
                            return;
                        }
                    }
                });
            },
            time);
        using var call = host.Channel.CreateCallInvoker().CallDuplex();
        await blocked.Task;

        // The first flush that waits may still find room; time passes until one does not.
        await time.AdvanceUntilAsync(ended.Task, TimeSpan.FromSeconds(10));

        Assert.IsAssignableFrom<OperationCanceledException>(await ended.Task);
        Assert.Contains(host.Log.Entries, entry => entry.Id.Id == 1005);

        static Task WriteAndFlushAsync(ServerStreamWriter<ReadOnlySequence<byte>> responses)
        {
            responses.Write(Bytes(256 * 1024));
            return responses.FlushAsync().AsTask();
        }
    }
}
