using System.Buffers;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Server;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>Status and metadata of whole calls, and connections.</summary>
public sealed class CallTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handler_Throws_UnknownWithoutItsMessage()
    {
        await using var host = await GrpcTestHost.StartAsync(server =>
            server.AddService(BindUnary((_, _) => throw new InvalidOperationException("the secret"))));

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await host.Channel.CreateCallInvoker().CallUnary(Bytes("x")));

        Assert.Equal(StatusCode.Unknown, failure.StatusCode);
        Assert.DoesNotContain("secret", failure.Status.Detail, StringComparison.Ordinal);
        Assert.Contains(host.Log.Entries, entry => entry.Id.Id == 1000 && entry.Level == LogLevel.Error);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("100 % of it: \t\r\n, Ünïcödé, 漢字 and 😀")]
    [InlineData("")]
    public async Task Handler_ThrowsRpcException_ArrivesAsItIs(string detail)
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((_, _) => throw new RpcException(
            new Status(StatusCode.FailedPrecondition, detail),
            new Metadata { { "reason", "because" }, { "proof-bin", new byte[] { 0, 255, 128 } } }))));

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await host.Channel.CreateCallInvoker().CallUnary(Bytes("x")));

        Assert.Equal(new Status(StatusCode.FailedPrecondition, detail), failure.Status);
        Assert.Equal("because", failure.Trailers.GetValue("reason"));
        Assert.Equal([0, 255, 128], failure.Trailers.GetValueBytes("proof-bin")!);
    }

    [Fact]
    public async Task Handler_SetsStatusAfterAResponse_ArrivesInTrailers()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (_, responses, context) =>
        {
            await responses.WriteAsync(Bytes("one"), context.CancellationToken);
            context.ResponseTrailers.Add("count", "1");
            context.Status = new Status(StatusCode.DataLoss, "the rest is lost");
        }));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();

        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));

        Assert.Equal(new Status(StatusCode.DataLoss, "the rest is lost"), failure.Status);
        Assert.Equal("1", call.GetTrailers().GetValue("count"));
        Assert.Equal(failure.Status, call.GetStatus());
    }

    [Fact]
    public async Task Details_TravelWithTheStatus()
    {
        await using var host = await GrpcTestHost.StartAsync(server =>
            server.AddService(BindUnary((_, _) => throw StatusDetails.InvalidArgument("document.id", "is longer than 128 bytes"))));

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await host.Channel.CreateCallInvoker().CallUnary(Bytes("x")));

        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        var violation = Assert.Single(failure.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>()!.FieldViolations);
        Assert.Equal("document.id", violation.Field);
        Assert.Null(failure.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>());
    }

    [Fact]
    public async Task Metadata_BothWays_KeepsOrderAndBytes()
    {
        Metadata? seen = null;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary(async (request, context) =>
        {
            seen = context.RequestHeaders;
            await context.WriteResponseHeadersAsync([.. context.RequestHeaders.Where(entry => entry.Key.StartsWith("x-", StringComparison.Ordinal))]);
            context.ResponseTrailers.Add("x-trailer-bin", [1, 2, 3]);
            return request;
        })));
        var sent = new Metadata { { "x-text", "first" }, { "x-data-bin", [0xFF, 0xFE] }, { "x-text", "second, third" }, { "x-data-bin", [] } };

        using var call = host.Channel.CreateCallInvoker().CallUnary(Bytes("x"), new CallOptions(sent));
        var headers = await call.ResponseHeadersAsync;
        await call;

        // HTTP may join text values with commas on the way, which gRPC takes as the same; binary values are told apart again.
        Assert.Equal("first, second, third", string.Join(", ", seen!.GetAll("x-text").Select(entry => entry.Value)));
        Assert.Equal([[0xFF, 0xFE], []], seen!.GetAll("x-data-bin").Select(entry => entry.ValueBytes));
        Assert.DoesNotContain(seen!, entry => entry.Key.StartsWith("grpc-", StringComparison.Ordinal) || entry.Key is "te" or "content-type");
        Assert.Equal("first, second, third", string.Join(", ", headers.GetAll("x-text").Select(entry => entry.Value)));
        Assert.Equal([1, 2, 3], call.GetTrailers().GetValueBytes("x-trailer-bin")!);
    }

    [Fact]
    public async Task Headers_OfADuplexCall_ArriveBeforeAnyMessage()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (requests, _, context) =>
        {
            await context.WriteResponseHeadersAsync(new Metadata { { "x-early", "yes" } });
            await requests.WaitToReadAsync(context.CancellationToken);
        }));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();

        var headers = await call.ResponseHeadersAsync;

        Assert.Equal("yes", headers.GetValue("x-early"));
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
    }

    [Fact]
    public async Task Trailers_OverTheLimit_OnlyTheStatusIsSent()
    {
        await using var host = await GrpcTestHost.StartAsync(server =>
        {
            server.Options.MaxMetadataBytes = 1000;
            server.AddService(BindUnary((_, _) => throw new RpcException(
                new Status(StatusCode.NotFound, "no"),
                new Metadata { { "x-large", new string('x', 1000) } })));
        });

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await host.Channel.CreateCallInvoker().CallUnary(Bytes("x")));

        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
        Assert.Empty(failure.Trailers.GetAll("x-large"));
        Assert.Contains(host.Log.Entries, entry => entry.Id.Id == 1006);
    }

    [Fact]
    public async Task Server_NotThere_Unavailable()
    {
        using var channel = GrpcChannel.ForAddress("http://127.0.0.1:1");

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await channel.CreateCallInvoker().CallUnary(Bytes("x")));

        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
    }

    [Fact]
    public async Task Server_LosesTheConnectionDuringACall_Unavailable()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server
            .AddService(BindUnary((request, _) => Task.FromResult(request)))
            .AddDuplex(async (requests, responses, context) =>
            {
                await responses.WriteAsync(Bytes("one"), context.CancellationToken);
                await requests.WaitToReadAsync(context.CancellationToken);
                context.GetHttpContext().Features.GetRequiredFeature<IConnectionLifetimeFeature>().Abort();
                await requests.WaitToReadAsync(context.CancellationToken);
            }));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        await call.RequestStream.WriteAsync(Bytes("go"), Cancellation);

        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Cancellation));

        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        // The channel opens another connection.
        Assert.Equal("again", Text(await host.Channel.CreateCallInvoker().CallUnary(Bytes("again"))));
    }

    [Fact]
    public async Task Streams_KeptAfterTheirCall_ReadNothingAndRefuseWrites()
    {
        ServerStreamReader<ReadOnlySequence<byte>>? reader = null;
        ServerStreamWriter<ReadOnlySequence<byte>>? writer = null;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex((requests, responses, _) =>
        {
            (reader, writer) = (requests, responses);
            return Task.CompletedTask;
        }));
        using (var call = host.Channel.CreateCallInvoker().CallDuplex())
        {
            await call.RequestStream.CompleteAsync();
            Assert.False(await call.ResponseStream.MoveNext(Cancellation));
        }

        // Another call on the same connection has what is used again.
        using var next = host.Channel.CreateCallInvoker().CallDuplex();
        await next.ResponseHeadersAsync;

        Assert.False(await reader!.WaitToReadAsync(Cancellation));
        Assert.False(reader.TryRead(out _));
        Assert.Throws<OperationCanceledException>(() => writer!.Write(Bytes("too late")));
    }

    [Fact]
    public async Task Writes_Overlapping_Throw()
    {
        var result = new TaskCompletionSource<Exception?>();
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (_, responses, context) =>
        {
            Exception? failure = null;
            while (failure is null)
            {
                responses.Write(Bytes(256 * 1024));
                var flush = responses.FlushAsync(context.CancellationToken);
                // Nobody reads, so some flush stays pending; one that only seemed to has let the write through.
                failure = flush.IsCompleted ? null : Record.Exception(() => responses.Write(Bytes("too early")));
                if (failure is not null)
                {
                    result.SetResult(failure);
                }

                await flush;
            }
        }));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();

        Assert.IsType<InvalidOperationException>(await result.Task);
    }

    [Fact]
    public async Task Calls_ManyAtOnceOnSeveralConnections_AllSucceed()
    {
        var connections = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((request, context) =>
        {
            connections[context.Peer] = true;
            return Task.FromResult(request);
        })));
        using var channel = host.CreateChannel(new GrpcChannelOptions { Connections = 3 });
        var invoker = channel.CreateCallInvoker();

        var calls = Enumerable.Range(0, 300).Select(async i => Text(await invoker.CallUnary(Bytes($"{i}")))).ToArray();

        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"{i}"), await Task.WhenAll(calls));
        Assert.True(connections.Count >= 3, $"{connections.Count} connections");
    }
}
