using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using Grpc.Core;
using Grpc.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace SealService.Benchmarks;

/// <summary>Takes one message where it lies.</summary>
internal delegate void MessageAction(in ReadOnlySequence<byte> message);

/// <summary>
/// A <c>SealDocuments</c> call that is served by the real gRPC layer from a body in memory, in pinned segments of 4 KiB as Kestrel's pool has them. Run it
/// as often as needed; not thread-safe.
/// </summary>
internal sealed class BulkCall : IDisposable
{
    private const int PrefixBytes = 5;
    private const int SegmentBytes = 4096;

    private static readonly Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> Method =
        new(MethodType.DuplexStreaming, "seal.v1.Sealing", "SealDocuments", Marshallers.Raw, Marshallers.Raw);

    private readonly ReadOnlySequence<byte> _body;
    private readonly GrpcServer _server;
    private MessageAction _action = static (in ReadOnlySequence<byte> _) => { };

    public BulkCall(int documents, int documentBytes)
    {
        _body = ToSegments(FrameDocuments(documents, documentBytes));
        DuplexStreamingServerMethod<ReadOnlySequence<byte>, ReadOnlySequence<byte>> unbound = static (_, _, _) => Task.CompletedTask;
        _server = new GrpcServerBuilder()
            .AddService(ServerServiceDefinition.CreateBuilder().AddMethod(Method, unbound).Build())
            .Replace(Method, ReadAllAsync)
            .Build();
    }

    /// <summary>Serves the call; every message goes through <paramref name="action"/>.</summary>
    public async Task RunAsync(MessageAction action)
    {
        _action = action;
        var http = new DefaultHttpContext();
        http.Features.Set<IRequestBodyPipeFeature>(new Body(PipeReader.Create(_body)));
        http.Features.Set<IHttpResponseTrailersFeature>(new Trailers());
        http.Request.Protocol = "HTTP/2";
        http.Request.Method = HttpMethods.Post;
        http.Request.Path = Method.FullName;
        http.Request.ContentType = "application/grpc";
        await _server.HandleAsync(http);
    }

    public void Dispose() => _server.Dispose();

    private async Task ReadAllAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<ReadOnlySequence<byte>> responses, ServerCallContext context)
    {
        while (await requests.WaitToReadAsync(CancellationToken.None))
        {
            while (requests.TryRead(out var message))
            {
                _action(message);
            }
        }
    }

    // SealDocumentsRequest { 1: ref  3: whole { 2: content } }, refs of three bytes.
    private static byte[] FrameDocuments(int documents, int documentBytes)
    {
        const int ReferenceBase = 1 << 14;
        var contentHeader = Varint((uint)documentBytes);
        var wholeBytes = 1 + contentHeader.Length + documentBytes;
        var wholeHeader = Varint((uint)wholeBytes);
        var messageBytes = 1 + 3 + 1 + wholeHeader.Length + wholeBytes;
        using var body = new MemoryStream();
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        prefix[0] = 0;
        var content = new byte[documentBytes];
        for (var i = 0; i < documents; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(prefix[1..], messageBytes);
            body.Write(prefix);
            body.WriteByte(0x08);
            body.Write(Varint((uint)(ReferenceBase + i)));
            body.WriteByte(0x1A);
            body.Write(wholeHeader);
            body.WriteByte(0x12);
            body.Write(contentHeader);
            BinaryPrimitives.WriteInt32LittleEndian(content, i);
            body.Write(content);
        }

        return body.ToArray();
    }

    private static byte[] Varint(uint value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }

    private static ReadOnlySequence<byte> ToSegments(byte[] body)
    {
        var first = new Segment(CopyPinned(body, 0), 0);
        var last = first;
        for (var at = SegmentBytes; at < body.Length; at += SegmentBytes)
        {
            last = last.Append(CopyPinned(body, at));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static Memory<byte> CopyPinned(byte[] body, int at)
    {
        var segment = GC.AllocateUninitializedArray<byte>(Math.Min(SegmentBytes, body.Length - at), pinned: true);
        body.AsSpan(at, segment.Length).CopyTo(segment);
        return MemoryMarshal.CreateFromPinnedArray(segment, 0, segment.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long runningIndex)
        {
            Memory = memory;
            RunningIndex = runningIndex;
        }

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }

    private sealed class Body(PipeReader reader) : IRequestBodyPipeFeature
    {
        public PipeReader Reader => reader;
    }

    private sealed class Trailers : IHttpResponseTrailersFeature
    {
        IHeaderDictionary IHttpResponseTrailersFeature.Trailers { get; set; } = new HeaderDictionary();
    }
}
