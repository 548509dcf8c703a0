using System.Buffers;
using Grpc.Core;
using Grpc.Server;
using Seal.V1;
using SealService.Hosting;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services;

/// <summary>
/// Implements <c>seal.v1.Verification</c> with the keys of this server's ledgers. Both methods carry documents, so both are bound to the
/// transport's buffers; see <see cref="Bind"/>.
/// </summary>
internal sealed class VerificationService(LedgerDirectory ledgers, ServerDrain drain) : Verification.VerificationBase
{
    // Answers are flushed at the latest when so many bytes wait.
    private const int UnflushedBytesMax = 32 * 1024;

    private readonly ReceiptVerifier _verifier = new(ledgers.All.Select(l => l.VerifierKey));

    /// <summary>Adds the service's methods to a server.</summary>
    public void Bind(GrpcServerBuilder server) => server
        .AddService(Verification.BindService(this))
        .Replace(RawMethods.VerifyDocument, VerifyDocumentAsync)
        .Replace(RawMethods.VerifyReceipts, VerifyReceiptsAsync);

    private async Task<VerifyDocumentResponse> VerifyDocumentAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerCallContext context)
    {
        Merkle.Receipt? receipt = null;
        using var hash = new Sha256Incremental();
        long size = 0;
        await drain.ReadToEndAsync(requests, "The document was not checked.", message =>
        {
            if (receipt is null)
            {
                receipt = ReadReceipt(message);
            }
            else
            {
                size += AppendChunk(message, hash);
            }
        }, context.CancellationToken);
        return receipt is null
            ? throw BadRequest.Of("receipt", "is missing: it must be the stream's first message")
            : new VerifyDocumentResponse { Report = ToMessage(_verifier.Verify(receipt, hash.Finish(), size)) };
    }

    private async Task VerifyReceiptsAsync(
        ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<VerificationAnswer> responses, ServerCallContext context)
    {
        using var until = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, drain.Token);
        using var group = new ReceiptGroup(_verifier);
        try
        {
            while (await requests.WaitToReadAsync(until.Token))
            {
                while (!drain.Token.IsCancellationRequested && requests.TryRead(out var message))
                {
                    group.Add(message);

                    // A compressed message is there only until the next is read.
                    if (group.IsFull || requests.LastMessageWasCompressed)
                    {
                        Answer(group, responses);
                    }

                    if (responses.UnflushedBytes > UnflushedBytesMax)
                    {
                        await responses.FlushAsync(context.CancellationToken);
                    }
                }

                Answer(group, responses);
                await responses.FlushAsync(context.CancellationToken);
                until.Token.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (drain.Token.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The server is stopping. Receipts that were not answered were not checked."));
        }
    }

    private static void Answer(ReceiptGroup group, ServerStreamWriter<VerificationAnswer> responses)
    {
        var count = group.Verify();
        for (var i = 0; i < count; i++)
        {
            responses.Write(group.GetAnswer(i));
        }
    }

    // VerifyDocumentRequest { 1: receipt  2: chunk }
    private static Merkle.Receipt ReadReceipt(in ReadOnlySequence<byte> message)
    {
        return PartReader.TryRead(message, wanted: 1, refused: 2, out var bytes) && ReceiptReader.TryRead(bytes, out var receipt)
            ? receipt
            : throw BadRequest.Of("receipt", "is missing or malformed: it must be the stream's first message");
    }

    private static long AppendChunk(in ReadOnlySequence<byte> message, Sha256Incremental hash)
    {
        if (!PartReader.TryRead(message, wanted: 2, refused: 1, out var chunk))
        {
            throw BadRequest.Of("chunk", "is missing: after the receipt every message is a chunk");
        }

        hash.Append(chunk);
        return chunk.Length;
    }

    private static Seal.V1.VerificationReport ToMessage(Merkle.VerificationReport report) => new()
    {
        Verdict = report.IsValid ? Verdict.Valid : Verdict.NotValid,
        Checks =
        {
            report.Checks.Select(c => new Seal.V1.VerificationCheck
            {
                Kind = (Seal.V1.CheckKind)(int)c.Kind,
                Outcome = (Seal.V1.CheckOutcome)(int)c.Outcome,
                Detail = c.Detail,
            }),
        },
    };
}
