using System.Buffers.Binary;
using SealService.LoadTests.Transport;
using SealService.Merkle;

namespace SealService.LoadTests.Traffic;

/// <summary>Documents one a call: <c>SealDocument</c>, each answered with a full receipt.</summary>
internal sealed class UnaryTraffic : CallTraffic
{
    private const string Path = "/seal.v1.Sealing/SealDocument";

    public required int DocumentBytes { get; init; }

    protected override CallLoop CreateLoop(TrafficContext context, GrpcConnection connection, int number) =>
        new Loop(context, connection, number, DocumentBytes);

    /// <summary>SealDocumentRequest { 1: header {} } and SealDocumentRequest { 2: chunk }, framed.</summary>
    public static byte[] Frame(int documentBytes, out int contentAt)
    {
        var chunkLength = WireBytes.SizeOfField(documentBytes);
        var frames = new byte[GrpcResponses.PrefixBytes + 2 + GrpcResponses.PrefixBytes + chunkLength];
        FrameSource.WritePrefix(frames, 2);
        frames[GrpcResponses.PrefixBytes] = WireBytes.Tag(1, isBytes: true);
        var at = GrpcResponses.PrefixBytes + 2;
        FrameSource.WritePrefix(frames.AsSpan(at), chunkLength);
        at += GrpcResponses.PrefixBytes;
        contentAt = at + WireBytes.WriteFieldHeader(frames.AsSpan(at), 2, documentBytes);
        return frames;
    }

    /// <summary>Seals a document and gives the receipt's message.</summary>
    public static async Task<Seal.V1.Receipt> SealAsync(GrpcConnection connection, ReadOnlyMemory<byte> frames, CancellationToken cancellationToken)
    {
        var answer = await connection.CallAsync(Path, frames, cancellationToken);
        return Seal.V1.SealDocumentResponse.Parser.ParseFrom(answer.AsSpan(GrpcResponses.PrefixBytes)).Receipt;
    }

    private sealed class Loop : CallLoop
    {
        private readonly TrafficContext _context;
        private readonly GrpcConnection _connection;
        private readonly Random _random;
        private readonly byte[] _frames;
        private readonly int _contentAt;
        private readonly int _documentBytes;
        private ulong _counter;

        public Loop(TrafficContext context, GrpcConnection connection, int number, int documentBytes)
        {
            _context = context;
            _connection = connection;
            _random = new Random(context.Seed + number);
            _documentBytes = documentBytes;
            _frames = Frame(documentBytes, out _contentAt);
            _counter = (ulong)number << 48;
        }

        public override async Task<(int Documents, long Bytes)> CallAsync()
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_frames.AsSpan(_contentAt), _counter++);
            var answer = await _connection.CallAsync(Path, _frames, CancellationToken.None);
#pragma warning disable CA5394 // a sample need not be unpredictable
            if (_context.Sampler is { } sampler && _random.NextDouble() < ReceiptSampler.Share)
#pragma warning restore CA5394
            {
                var message = Seal.V1.SealDocumentResponse.Parser.ParseFrom(answer.AsSpan(GrpcResponses.PrefixBytes)).Receipt;
                sampler.Verify(message, Sha256.HashData(_frames.AsSpan(_contentAt)), _documentBytes);
            }

            return (1, _documentBytes);
        }
    }
}
