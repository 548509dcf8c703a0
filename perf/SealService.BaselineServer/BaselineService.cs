using System.Buffers;
using Grpc.Core;
using Grpc.Server;
using SealService.Merkle;

namespace SealService.BaselineServer;

/// <summary>
/// The methods that carry documents, answered with as many bytes as the service answers with, from the same buffers and by the same writers.
/// <c>null</c> looks at frames only. <c>hash-only</c> finds each document's bytes in its message and hashes them where they lie.
/// </summary>
internal sealed class BaselineService(bool hashes)
{
    private const string Sealing = "seal.v1.Sealing";
    private const string Verification = "seal.v1.Verification";

    // As the service sends them: a receipt of a ledger with some millions of entries, and a report of seven checks.
    private const int ReceiptBytes = 1100;
    private const int ReportBytes = 56;

    // What the service flushes at.
    private const int UnflushedBytesMax = 32 * 1024;

    // One compact answer is for so many documents at most, as a segment of the service's ledger.
    private const int DocumentsPerAnswerMax = 16 * 1024;

    private static readonly ReadOnlySequence<byte> Receipt = new(SingleFieldMessage(field: 1, ReceiptBytes));

    public void Bind(GrpcServerBuilder server) => server
        .AddService(Seal.V1.Sealing.BindService(new Unimplemented()))
        .AddService(Seal.V1.Verification.BindService(new UnimplementedVerification()))
        .Replace(Client(Sealing, "SealDocument"), SealDocumentAsync)
        .Replace(Duplex<CompactAnswer>(Sealing, "SealDocuments", CompactAnswer.Marshaller), SealDocumentsAsync)
        .Replace(Duplex<CompactAnswer>(Sealing, "SealDigests", CompactAnswer.Marshaller), SealDigestsAsync)
        .Replace(Duplex(Verification, "VerifyReceipts", Marshallers.Raw), VerifyReceiptsAsync);

    private static Method<ReadOnlySequence<byte>, ReadOnlySequence<byte>> Client(string service, string name) =>
        new(MethodType.ClientStreaming, service, name, Marshallers.Raw, Marshallers.Raw);

    private static Method<ReadOnlySequence<byte>, T> Duplex<T>(string service, string name, Marshaller<T> answers) =>
        new(MethodType.DuplexStreaming, service, name, Marshallers.Raw, answers);

    private async Task<ReadOnlySequence<byte>> SealDocumentAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerCallContext context)
    {
        using var hash = new Sha256Incremental();
        while (await requests.WaitToReadAsync(context.CancellationToken))
        {
            while (requests.TryRead(out var message))
            {
                if (hashes && DocumentBytes.TryFind(message, field: 2, inner: 0, out var chunk))
                {
                    hash.Append(chunk);
                }
            }
        }

        _ = hash.Finish();
        return Receipt;
    }

    private async Task SealDocumentsAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<CompactAnswer> responses, ServerCallContext context)
    {
        using var hash = new Sha256Incremental();
        var pending = new CompactAnswer.Builder(DocumentsPerAnswerMax);
        while (await requests.WaitToReadAsync(context.CancellationToken))
        {
            while (requests.TryRead(out var message))
            {
                if (!DocumentBytes.TryReadReference(message, out var reference, out var part))
                {
                    continue; // options
                }

                if (hashes && DocumentBytes.TryFindInPart(message, part, out var content))
                {
                    hash.Append(content);
                }

                if (part is DocumentBytes.WholePart or DocumentBytes.EndPart)
                {
                    pending.Add(reference, hashes ? hash.Finish() : default);
                    if (pending.IsFull)
                    {
                        responses.Write(pending.Take());
                        await responses.FlushAsync(context.CancellationToken);
                    }
                }
            }

            await FlushAsync(responses, pending, context.CancellationToken);
        }
    }

    private static async ValueTask FlushAsync(ServerStreamWriter<CompactAnswer> responses, CompactAnswer.Builder pending, CancellationToken cancellationToken)
    {
        if (!pending.IsEmpty)
        {
            responses.Write(pending.Take());
            await responses.FlushAsync(cancellationToken);
        }
    }

    // No hashing here, in either mode: the client did it.
    private async Task SealDigestsAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<CompactAnswer> responses, ServerCallContext context)
    {
        var pending = new CompactAnswer.Builder(DocumentsPerAnswerMax);
        while (await requests.WaitToReadAsync(context.CancellationToken))
        {
            while (requests.TryRead(out var message))
            {
                if (!DocumentBytes.TryReadDigests(message, out var firstReference, out var digests))
                {
                    continue;
                }

                for (var i = 0; i < digests.Length / MerkleHash.Size; i++)
                {
                    pending.Add(firstReference + (ulong)i, default);
                    if (pending.IsFull)
                    {
                        responses.Write(pending.Take());
                        await responses.FlushAsync(context.CancellationToken);
                    }
                }
            }

            await FlushAsync(responses, pending, context.CancellationToken);
        }
    }

    private async Task VerifyReceiptsAsync(
        ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<ReadOnlySequence<byte>> responses, ServerCallContext context)
    {
        using var hash = new Sha256Incremental();
        // VerifyReceiptsResponse { 2: report }
        var report = new ReadOnlySequence<byte>(SingleFieldMessage(field: 2, ReportBytes));
        while (await requests.WaitToReadAsync(context.CancellationToken))
        {
            while (requests.TryRead(out var message))
            {
                if (hashes && DocumentBytes.TryFind(message, field: 3, inner: 0, out var document))
                {
                    hash.Append(document);
                    _ = hash.Finish();
                }

                responses.Write(report);
                if (responses.UnflushedBytes > UnflushedBytesMax)
                {
                    await responses.FlushAsync(context.CancellationToken);
                }
            }

            await responses.FlushAsync(context.CancellationToken);
        }
    }

    // A message of `size` bytes: one field of bytes, which are zero.
    private static byte[] SingleFieldMessage(uint field, int size)
    {
        var message = new byte[size];
        message[0] = (byte)((field << 3) | 2);
        var length = size < 128 + 2 ? size - 2 : size - 3;
        if (length < 128)
        {
            message[1] = (byte)length;
        }
        else
        {
            message[1] = (byte)(length | 0x80);
            message[2] = (byte)(length >> 7);
        }

        return message;
    }

    private sealed class Unimplemented : Seal.V1.Sealing.SealingBase;

    private sealed class UnimplementedVerification : Seal.V1.Verification.VerificationBase;
}
