using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>Many messages in a row on a stream, written by <c>WriteAsync</c> while the client sends on.</summary>
public sealed class WriteBurstTests
{
    private const int MessageBytes = 1019;

    [Fact]
    public async Task WriteAsync_BurstsOverKestrel_ArriveWholeAndInOrder()
    {
        const int Messages = 20_000;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(async (requests, responses, context) =>
        {
            while (await requests.WaitToReadAsync(context.CancellationToken))
            {
                while (requests.TryRead(out var message))
                {
                    await responses.WriteAsync(message, context.CancellationToken);
                }
            }
        }));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();
        var sending = SendAsync();

        var received = 0;
        try
        {
            while (await call.ResponseStream.WaitToReadAsync(TestContext.Current.CancellationToken))
            {
                while (call.ResponseStream.TryRead(out var message))
                {
                    Assert.Equal($"{received}", Text(message).TrimEnd());
                    received++;
                }
            }
        }
        catch (global::Grpc.Core.RpcException e)
        {
            Assert.Fail($"{e} after {received}: {string.Join("\n", host.Log.Entries)}");
        }

        await sending;
        Assert.Equal(Messages, received);

        async Task SendAsync()
        {
            for (var i = 0; i < Messages; i++)
            {
                call.RequestStream.Write(Bytes($"{i}".PadRight(MessageBytes)));
                if (call.RequestStream.UnflushedBytes > 32 * 1024)
                {
                    await call.RequestStream.FlushAsync(TestContext.Current.CancellationToken);
                }
            }

            await call.RequestStream.CompleteAsync();
        }
    }
}
