using System.Buffers.Binary;
using Google.Protobuf;
using SealService.LoadTests.Transport;

namespace SealService.LoadTests.Traffic;

/// <summary>Documents with their receipts for <c>VerifyReceipts</c>; every answer must say that they are valid. The receipts are made once, by sealing.</summary>
internal sealed class VerificationTraffic : TrafficSource
{
    private const string SealDocumentsPath = "/seal.v1.Sealing/SealDocuments";

    // As many documents as fit into the cache together with their receipts.
    private const int DocumentsSealed = 512;

    private readonly List<byte[]> _frames = [];

    public required int DocumentBytes { get; init; }

    /// <summary>
    /// Whether each document was sealed in a call and a batch of its own, so that each receipt has its own checkpoint. Otherwise they were
    /// sealed by one stream, and are verified in the ledger's order.
    /// </summary>
    public bool SealedSingly { get; init; }

    public override async Task PrepareAsync(string serviceAddress, CancellationToken cancellationToken)
    {
        using var connection = new GrpcConnection(serviceAddress);
        var random = new Random(DocumentsSealed);
        var documents = new byte[DocumentsSealed][];
        foreach (ref var document in documents.AsSpan())
        {
            document = new byte[DocumentBytes];
#pragma warning disable CA5394 // any bytes do as a document
            random.NextBytes(document);
#pragma warning restore CA5394
        }

        var receipts = SealedSingly ? await SealSinglyAsync(connection, documents, cancellationToken) : await SealTogetherAsync(connection, documents, cancellationToken);
        _frames.AddRange(documents.Select((document, i) => ReadTraffic.Frame(new Seal.V1.VerifyReceiptsRequest
        {
            Ref = (ulong)i + 1,
            Receipt = receipts[i],
            Document = ByteString.CopyFrom(document),
        })));
    }

    public override Task RunAsync(TrafficContext context, CancellationToken stopping)
    {
        var streams = new StreamTraffic { Frames = (stream, _) => new Frames(_frames, stream, DocumentBytes), Window = 1024 };
        return streams.RunAsync(context, stopping);
    }

    private static async Task<Seal.V1.Receipt[]> SealSinglyAsync(GrpcConnection connection, byte[][] documents, CancellationToken cancellationToken)
    {
        var receipts = new Seal.V1.Receipt[documents.Length];
        for (var i = 0; i < documents.Length; i++)
        {
            var sealing = UnaryTraffic.Frame(documents[i].Length, out var contentAt);
            documents[i].CopyTo(sealing, contentAt);
            receipts[i] = await UnaryTraffic.SealAsync(connection, sealing, cancellationToken);
        }

        return receipts;
    }

    private static async Task<Seal.V1.Receipt[]> SealTogetherAsync(GrpcConnection connection, byte[][] documents, CancellationToken cancellationToken)
    {
        var options = new Seal.V1.SealDocumentsRequest { Options = new Seal.V1.StreamOptions { ReceiptForm = Seal.V1.ReceiptForm.Full } };
        var requests = documents.Select((document, i) => new Seal.V1.SealDocumentsRequest
        {
            Ref = (ulong)i,
            Whole = new Seal.V1.WholeDocument { Content = ByteString.CopyFrom(document) },
        });
        byte[] frames = [.. requests.Prepend(options).SelectMany(ReadTraffic.Frame)];
        var answers = (await connection.CallAsync(SealDocumentsPath, frames, cancellationToken)).AsMemory();
        var receipts = new Seal.V1.Receipt[documents.Length];
        while (answers.Length > 0)
        {
            var length = GrpcResponses.PrefixBytes + (int)BinaryPrimitives.ReadUInt32BigEndian(answers.Span[1..]);
            var answer = Seal.V1.SealDocumentsResponse.Parser.ParseFrom(answers.Span[GrpcResponses.PrefixBytes..length]);
            var document = answer.Sealed ?? throw new GrpcCallException($"a document to verify was not sealed: {answer.Failed?.Message}");
            receipts[document.Ref] = document.Receipt;
            answers = answers[length..];
        }

        return receipts.Contains(null) ? throw new GrpcCallException("a document to verify was not answered") : receipts;
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
