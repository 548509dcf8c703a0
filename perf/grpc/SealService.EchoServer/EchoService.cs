using System.Buffers;
using Grpc.Core;
using Grpc.Server;
using Perf.V1;

namespace SealService.EchoServer;

/// <summary>The methods as anybody would write them on generated types, and the raw ones through the zero-copy door.</summary>
internal sealed class EchoService : Echo.EchoBase
{
    // Answers leave at the latest when so much waits.
    private const int UnflushedBytesMax = 64 * 1024;

    public static Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> RawUnaryMethod { get; } =
        new(MethodType.Unary, "perf.v1.Echo", "RawUnary", Marshallers.Raw, Marshallers.Raw);

    public static Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> RawStreamMethod { get; } =
        new(MethodType.DuplexStreaming, "perf.v1.Echo", "RawStream", Marshallers.Raw, Marshallers.Raw);

    public override Task<EchoMessage> Unary(EchoMessage request, ServerCallContext context) => Task.FromResult(request);

    public override async Task Stream(IAsyncStreamReader<EchoMessage> requestStream, IServerStreamWriter<EchoMessage> responseStream, ServerCallContext context)
    {
        while (await requestStream.MoveNext())
        {
            await responseStream.WriteAsync(requestStream.Current);
        }
    }

    public static Task<ReadOnlySequence<byte>> RawUnaryAsync(ReadOnlySequence<byte> request, ServerCallContext context) => Task.FromResult(request);

    public static async Task RawStreamAsync(
        ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<ReadOnlySequence<byte>> responses, ServerCallContext context)
    {
        while (await requests.WaitToReadAsync())
        {
            while (requests.TryRead(out var message))
            {
                responses.Write(message);
                if (responses.UnflushedBytes >= UnflushedBytesMax)
                {
                    await responses.FlushAsync();
                }
            }

            await responses.FlushAsync();
        }
    }
}
