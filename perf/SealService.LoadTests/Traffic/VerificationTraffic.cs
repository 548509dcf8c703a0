using Google.Protobuf;
using SealService.LoadTests.Transport;

namespace SealService.LoadTests.Traffic;

/// <summary>Documents with their receipts for <c>VerifyReceipts</c>; every answer must say that they are valid. The receipts are made once, by sealing.</summary>
internal sealed class VerificationTraffic : TrafficSource
{
    // As many documents as fit into the cache together with their receipts.
    private const int DocumentsSealed = 512;

    private readonly List<byte[]> _frames = [];

    public required int DocumentBytes { get; init; }

    public override async Task PrepareAsync(string serviceAddress, CancellationToken cancellationToken)
    {
        using var connection = new GrpcConnection(serviceAddress);
        var random = new Random(DocumentsSealed);
        for (var i = 0; i < DocumentsSealed; i++)
        {
            var sealing = UnaryTraffic.Frame(DocumentBytes, out var contentAt);
#pragma warning disable CA5394 // any bytes do as a document
            random.NextBytes(sealing.AsSpan(contentAt));
#pragma warning restore CA5394
            var receipt = await UnaryTraffic.SealAsync(connection, sealing, cancellationToken);
            _frames.Add(ReadTraffic.Frame(new Seal.V1.VerifyReceiptsRequest
            {
                Ref = (ulong)i + 1,
                Receipt = receipt,
                Document = ByteString.CopyFrom(sealing.AsSpan(contentAt)),
            }));
        }
    }

    public override Task RunAsync(TrafficContext context, CancellationToken stopping)
    {
        var streams = new StreamTraffic { Frames = (stream, _) => new Frames(_frames, stream, DocumentBytes), Window = 1024 };
        return streams.RunAsync(context, stopping);
    }

    private sealed class Frames(List<byte[]> frames, int stream, int documentBytes) : FrameSource
    {
        private const int FramesPerWrite = 64;

        // One write's frames lie together; each stream begins elsewhere.
        private readonly byte[][] _writes = [.. frames.Chunk(FramesPerWrite).Select(chunk => chunk.SelectMany(f => f).ToArray())];
        private int _next = stream;

        public override string Path => "/seal.v1.Verification/VerifyReceipts";

        public override double BytesPerDocument => documentBytes;

        public override int DocumentsPerWriteMin => FramesPerWrite;

        public override ReadOnlyMemory<byte> Next(int documentsMax, out int documents)
        {
            documents = FramesPerWrite;
            return _writes[_next++ % _writes.Length];
        }

        public override AnswerCount Count(ReadOnlySpan<byte> message) => WireBytes.CountVerified(message);
    }
}
