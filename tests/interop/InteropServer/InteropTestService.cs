using Google.Protobuf;
using Grpc.Core;
using Grpc.Server;
using Grpc.Testing;

namespace SealService.Interop;

/// <summary>The server's side of gRPC's interoperability tests ("gRPC Interop Test Descriptions").</summary>
public sealed class InteropTestService : TestService.TestServiceBase
{
    private const string EchoInitial = "x-grpc-test-echo-initial";
    private const string EchoTrailing = "x-grpc-test-echo-trailing-bin";

    public override Task<Empty> EmptyCall(Empty request, ServerCallContext context) => Task.FromResult(new Empty());

    public override async Task<SimpleResponse> UnaryCall(SimpleRequest request, ServerCallContext context)
    {
        await EchoMetadataAsync(context);
        CheckCompression(request.ExpectCompressed, context);
        ThrowIfAsked(request.ResponseStatus);
        if (request.ResponseCompressed is { } compressed)
        {
            context.WriteOptions = new WriteOptions(compressed.Value ? WriteFlags.None : WriteFlags.NoCompress);
        }

        return new SimpleResponse { Payload = Zeros(request.ResponseSize) };
    }

    public override async Task StreamingOutputCall(
        StreamingOutputCallRequest request,
        IServerStreamWriter<StreamingOutputCallResponse> responseStream,
        ServerCallContext context)
    {
        await EchoMetadataAsync(context);
        await RespondAsync(request, responseStream, context);
    }

    public override async Task<StreamingInputCallResponse> StreamingInputCall(
        IAsyncStreamReader<StreamingInputCallRequest> requestStream,
        ServerCallContext context)
    {
        await EchoMetadataAsync(context);
        var sum = 0;
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            CheckCompression(request.ExpectCompressed, context);
            sum += request.Payload.Body.Length;
        }

        return new StreamingInputCallResponse { AggregatedPayloadSize = sum };
    }

    public override async Task FullDuplexCall(
        IAsyncStreamReader<StreamingOutputCallRequest> requestStream,
        IServerStreamWriter<StreamingOutputCallResponse> responseStream,
        ServerCallContext context)
    {
        await EchoMetadataAsync(context);
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await RespondAsync(request, responseStream, context);
        }
    }

    public override async Task HalfDuplexCall(
        IAsyncStreamReader<StreamingOutputCallRequest> requestStream,
        IServerStreamWriter<StreamingOutputCallResponse> responseStream,
        ServerCallContext context)
    {
        var requests = new List<StreamingOutputCallRequest>();
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            requests.Add(request);
        }

        foreach (var request in requests)
        {
            await RespondAsync(request, responseStream, context);
        }
    }

    private static async Task RespondAsync(
        StreamingOutputCallRequest request,
        IServerStreamWriter<StreamingOutputCallResponse> responses,
        ServerCallContext context)
    {
        ThrowIfAsked(request.ResponseStatus);
        foreach (var wanted in request.ResponseParameters)
        {
            await Task.Delay(TimeSpan.FromMicroseconds(wanted.IntervalUs), context.CancellationToken);
            responses.WriteOptions = new WriteOptions(wanted.Compressed is { Value: true } ? WriteFlags.None : WriteFlags.NoCompress);
            await responses.WriteAsync(new StreamingOutputCallResponse { Payload = Zeros(wanted.Size) }, context.CancellationToken);
        }
    }

    /// <summary>Sends back what the client asked for in its metadata. The call can compress, message by message, from here on.</summary>
    private static async Task EchoMetadataAsync(ServerCallContext context)
    {
        context.CompressResponses(true);
        foreach (var entry in context.RequestHeaders.GetAll(EchoTrailing))
        {
            context.ResponseTrailers.Add(entry);
        }

        if (context.RequestHeaders.Get(EchoInitial) is { } initial)
        {
            await context.WriteResponseHeadersAsync([initial]);
        }
    }

    private static void CheckCompression(BoolValue? expected, ServerCallContext context)
    {
        if (expected is { Value: true } && !context.WasLastRequestCompressed())
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "The request was to be compressed and is not."));
        }
    }

    private static void ThrowIfAsked(EchoStatus? status)
    {
        if (status is { Code: not 0 })
        {
            throw new RpcException(new Status((StatusCode)status.Code, status.Message));
        }
    }

    private static Payload Zeros(int size) => new() { Body = ByteString.CopyFrom(new byte[size]) };
}
