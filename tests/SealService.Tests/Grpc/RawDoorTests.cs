using System.Buffers;
using System.Threading.Channels;
using Grpc.Core;
using Grpc.Server;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

public sealed class RawDoorTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Unary_Raw_Echoes()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((request, _) => Task.FromResult(request))));

        var response = await host.Channel.CreateCallInvoker().CallUnary(Bytes("a document"));

        Assert.Equal("a document", Text(response));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16 * 1024)]
    [InlineData(3 * 1024 * 1024)]
    public async Task Unary_Raw_CarriesEverySize(int size)
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((request, _) => Task.FromResult(request))));
        var document = new byte[size];
        new Random(size).NextBytes(document);

        var response = await host.Channel.CreateCallInvoker().CallUnary(new(document));

        Assert.Equal(document, response.ToArray());
    }

    [Fact]
    public async Task Duplex_BothDoorsRaw_AnswersEveryMessageInOrder()
    {
        const int Messages = 20_000;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(EchoAsync));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();

        var writing = Task.Run(
            async () =>
            {
                for (var i = 0; i < Messages; i++)
                {
                    call.RequestStream.Write(Bytes($"document {i}"));
                    if (call.RequestStream.UnflushedBytes > 32 * 1024)
                    {
                        await call.RequestStream.FlushAsync(Cancellation);
                    }
                }

                await call.RequestStream.CompleteAsync();
            },
            Cancellation);
        var received = 0;
        while (await call.ResponseStream.WaitToReadAsync(Cancellation))
        {
            while (call.ResponseStream.TryRead(out var response))
            {
                Assert.Equal($"document {received++}", Text(response));
            }
        }

        await writing;
        Assert.Equal(Messages, received);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Duplex_MessagesLargerThanTheWindow_Arrive()
    {
        var sizes = new[] { 3 * 1024 * 1024, 0, 5, 2 * 1024 * 1024 };
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(EchoAsync));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();

        foreach (var size in sizes)
        {
            var document = new byte[size];
            new Random(size).NextBytes(document);
            await call.RequestStream.WriteAsync(new(document), Cancellation);
            Assert.True(await call.ResponseStream.MoveNext(Cancellation));
            Assert.Equal(document, call.ResponseStream.Current.ToArray());
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Cancellation));
    }

    [Fact]
    public async Task Duplex_ManyStreamsWithSeparateLoops_AllAnswer()
    {
        const int Streams = 64;
        const int Messages = 50;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (requests, responses, context) =>
        {
            // Reads and writes wait at the same time, on different threads.
            var queue = Channel.CreateBounded<int>(4);
            var writing = Task.Run(
                async () =>
                {
                    await foreach (var length in queue.Reader.ReadAllAsync(context.CancellationToken))
                    {
                        await responses.WriteAsync(Bytes($"{length}"), context.CancellationToken);
                    }
                },
                context.CancellationToken);
            while (await requests.WaitToReadAsync(context.CancellationToken))
            {
                while (requests.TryRead(out var request))
                {
                    var length = (int)request.Length;
                    await queue.Writer.WriteAsync(length, context.CancellationToken);
                }
            }

            queue.Writer.Complete();
            await writing;
        }));

        await Task.WhenAll(Enumerable.Range(0, Streams).Select(async stream =>
        {
            using var call = host.Channel.CreateCallInvoker().CallDuplex();
            for (var i = 0; i < Messages; i++)
            {
                await call.RequestStream.WriteAsync(Bytes(stream + i), Cancellation);
                Assert.True(await call.ResponseStream.MoveNext(Cancellation));
                Assert.Equal($"{stream + i}", Text(call.ResponseStream.Current));
            }

            await call.RequestStream.CompleteAsync();
            Assert.False(await call.ResponseStream.MoveNext(Cancellation));
        }));
    }

    [Fact]
    public async Task Replace_ClientAndServerStreaming_TakeConcreteStreams()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server
            .AddService(ServerServiceDefinition.CreateBuilder()
                .AddMethod(ClientStreaming, new ClientStreamingServerMethod<ReadOnlySequence<byte>, ReadOnlySequence<byte>>((_, _) => throw Replaced()))
                .AddMethod(ServerStreaming, new ServerStreamingServerMethod<ReadOnlySequence<byte>, ReadOnlySequence<byte>>((_, _, _) => throw Replaced()))
                .Build())
            .Replace(ClientStreaming, SumAsync)
            .Replace(ServerStreaming, CountDownAsync));
        var invoker = host.Channel.CreateCallInvoker();

        using var sum = invoker.AsyncClientStreamingCall(ClientStreaming, null, default);
        foreach (var size in (int[])[10, 20, 12])
        {
            await sum.RequestStream.WriteAsync(Bytes(size), Cancellation);
        }

        await sum.RequestStream.CompleteAsync();
        Assert.Equal("42", Text(await sum));

        using var countDown = invoker.AsyncServerStreamingCall(ServerStreaming, null, default, Bytes(3));
        var counts = new List<string>();
        while (await countDown.ResponseStream.MoveNext(Cancellation))
        {
            counts.Add(Text(countDown.ResponseStream.Current));
        }

        Assert.Equal(["3", "2", "1"], counts);

        static InvalidOperationException Replaced() => new("This handler was replaced.");

        static async Task<ReadOnlySequence<byte>> SumAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerCallContext context)
        {
            var total = 0L;
            while (await requests.WaitToReadAsync(context.CancellationToken))
            {
                while (requests.TryRead(out var request))
                {
                    total += request.Length;
                }
            }

            return Bytes(total.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        static async Task CountDownAsync(
            ReadOnlySequence<byte> request,
            ServerStreamWriter<ReadOnlySequence<byte>> responses,
            ServerCallContext context)
        {
            for (var left = request.Length; left > 0; left--)
            {
                responses.Write(Bytes(left.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            }

            await responses.FlushAsync(context.CancellationToken);
        }
    }

    [Fact]
    public void Replace_MethodThatIsNotBound_Throws() =>
        Assert.Throws<InvalidOperationException>(() => new GrpcServerBuilder().Replace(Duplex, EchoAsync));

    [Fact]
    public void AddService_SamePathTwice_Throws()
    {
        var builder = new GrpcServerBuilder().AddService(BindUnary((request, _) => Task.FromResult(request)));

        Assert.Throws<InvalidOperationException>(() => builder.AddService(BindUnary((request, _) => Task.FromResult(request))));
    }

    internal static async Task EchoAsync(
        ServerStreamReader<ReadOnlySequence<byte>> requests,
        ServerStreamWriter<ReadOnlySequence<byte>> responses,
        ServerCallContext context)
    {
        while (await requests.WaitToReadAsync(context.CancellationToken))
        {
            while (requests.TryRead(out var request))
            {
                responses.Write(request);
            }

            await responses.FlushAsync(context.CancellationToken);
        }
    }
}
