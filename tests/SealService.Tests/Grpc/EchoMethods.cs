using System.Buffers;
using System.Text;
using Grpc.Core;
using Grpc.Server;

namespace SealService.Tests.Grpc;

/// <summary>A service of raw bytes whose handlers each test supplies.</summary>
internal static class EchoMethods
{
    public static readonly Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> Unary = Create(MethodType.Unary);
    public static readonly Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> ClientStreaming = Create(MethodType.ClientStreaming);
    public static readonly Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> ServerStreaming = Create(MethodType.ServerStreaming);
    public static readonly Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> Duplex = Create(MethodType.DuplexStreaming);

    public static ReadOnlySequence<byte> Bytes(string text) => new(Encoding.UTF8.GetBytes(text));

    public static ReadOnlySequence<byte> Bytes(int count) => new(new byte[count]);

    public static string Text(ReadOnlySequence<byte> bytes) => Encoding.UTF8.GetString(bytes);

    public static ServerServiceDefinition BindUnary(UnaryServerMethod<ReadOnlySequence<byte>, ReadOnlySequence<byte>> handler) =>
        ServerServiceDefinition.CreateBuilder().AddMethod(Unary, handler).Build();

    /// <summary>Binds a duplex method by the raw door.</summary>
    public static GrpcServerBuilder AddDuplex(
        this GrpcServerBuilder builder,
        Func<ServerStreamReader<ReadOnlySequence<byte>>, ServerStreamWriter<ReadOnlySequence<byte>>, ServerCallContext, Task> handler)
    {
        builder.AddService(ServerServiceDefinition.CreateBuilder().AddMethod(Duplex, ReplacedAsync).Build());
        return builder.Replace(Duplex, handler);

        static Task ReplacedAsync(
            IAsyncStreamReader<ReadOnlySequence<byte>> requests,
            IServerStreamWriter<ReadOnlySequence<byte>> responses,
            ServerCallContext context) => throw new InvalidOperationException("This handler was replaced.");
    }

    public static AsyncUnaryCall<ReadOnlySequence<byte>> CallUnary(
        this CallInvoker invoker,
        ReadOnlySequence<byte> request,
        CallOptions options = default) => invoker.AsyncUnaryCall(Unary, null, options, request);

    public static AsyncDuplexStreamingCall<ReadOnlySequence<byte>, ReadOnlySequence<byte>> CallDuplex(
        this CallInvoker invoker,
        CallOptions options = default) => invoker.AsyncDuplexStreamingCall(Duplex, null, options);

    private static Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> Create(MethodType type) =>
        new(type, "test.Echo", type.ToString(), Marshallers.Raw, Marshallers.Raw);
}
