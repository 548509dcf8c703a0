using System.Collections.Concurrent;
using System.Security.Cryptography;
using Grpc.Core;
using Seal.V1;
using SealService.Merkle;
using DigestOf = System.Security.Cryptography.IncrementalHash;
using SealedKind = SealService.Merkle.EntryKind;

namespace SealService.Tests.Client;

/// <summary>
/// The bulk service on a <see cref="FakeLedger"/>: answers in batches, knows idempotency keys, and fails when and how it is told to.
/// </summary>
internal sealed class FakeSealing(FakeLedger ledger) : Sealing.SealingBase
{
    private int _answeredBatches;
    private int _streams;
    private int _breaks;

    /// <summary>Documents in one compact answer; an answer goes out early when the client waits for it.</summary>
    public int BatchSize { get; set; } = 8;

    /// <summary>Breaks a stream after so many batches were answered, instead of answering the next one, which is sealed all the same.</summary>
    public int? BreakAfterBatches { get; set; }

    /// <summary>How many streams break.</summary>
    public int BreaksMax { get; set; } = 1;

    /// <summary>Fails documents: by id, with a code, so many times.</summary>
    public ConcurrentDictionary<string, (StatusCode Code, int Times)> Failures { get; } = new(StringComparer.Ordinal);

    /// <summary>Every message that came, by its kind.</summary>
    public ConcurrentQueue<(ulong Reference, SealDocumentsRequest.PartOneofCase Part, string DocumentId)> Messages { get; } = new();

    public int Streams => Volatile.Read(ref _streams);

    public override async Task SealDocuments(
        IAsyncStreamReader<SealDocumentsRequest> requestStream, IServerStreamWriter<SealDocumentsResponse> responseStream, ServerCallContext context)
    {
        Interlocked.Increment(ref _streams);
        var open = new Dictionary<ulong, (DocumentHeader Header, DigestOf Hash, long Size)>();
        var batch = new List<(ulong Reference, SubmittedDocument Document)>();
        while (true)
        {
            var next = requestStream.MoveNext(context.CancellationToken);
            if (batch.Count >= BatchSize || (batch.Count > 0 && !next.IsCompleted && await IsIdleAsync(next)))
            {
                await AnswerAsync(batch, responseStream);
            }

            if (!await next)
            {
                break;
            }

            await HandleAsync(requestStream.Current, open, batch, responseStream);
        }

        if (batch.Count > 0)
        {
            await AnswerAsync(batch, responseStream);
        }
    }

    public override Task<GetReceiptResponse> GetReceipt(GetReceiptRequest request, ServerCallContext context) =>
        request.Index < ledger.TreeSize
            ? Task.FromResult(new GetReceiptResponse { Receipt = ledger.GetReceipt(request.Index) })
            : throw new RpcException(new Status(StatusCode.NotFound, "no such entry"));

    /// <summary>True when the client has nothing more to say before it is answered: its message does not come at once.</summary>
    private static async Task<bool> IsIdleAsync(Task<bool> next)
    {
        for (var i = 0; i < 32 && !next.IsCompleted; i++)
        {
            await Task.Yield();
        }

        return !next.IsCompleted;
    }

    private async Task HandleAsync(
        SealDocumentsRequest request,
        Dictionary<ulong, (DocumentHeader Header, DigestOf Hash, long Size)> open,
        List<(ulong Reference, SubmittedDocument Document)> batch,
        IServerStreamWriter<SealDocumentsResponse> responses)
    {
        var reference = request.Ref;
        Messages.Enqueue((reference, request.PartCase, (request.Whole?.Header ?? request.Begin)?.DocumentId ?? ""));
        switch (request.PartCase)
        {
            case SealDocumentsRequest.PartOneofCase.Whole:
                await SealAsync(reference, request.Whole!.Header, Sha256.HashData(request.Whole.Content.Span), request.Whole.Content.Length, batch, responses);
                break;
            case SealDocumentsRequest.PartOneofCase.Begin:
                open.Add(reference, (request.Begin!, DigestOf.CreateHash(HashAlgorithmName.SHA256), 0));
                break;
            case SealDocumentsRequest.PartOneofCase.Chunk:
                open[reference].Hash.AppendData(request.Chunk.Span);
                open[reference] = open[reference] with { Size = open[reference].Size + request.Chunk.Length };
                break;
            case SealDocumentsRequest.PartOneofCase.End:
                open.Remove(reference, out var document);
                await SealAsync(reference, document.Header, MerkleHash.Read(document.Hash.GetHashAndReset()), document.Size, batch, responses);
                break;
            case SealDocumentsRequest.PartOneofCase.Abandon:
                open.Remove(reference);
                break;
        }
    }

    private async Task SealAsync(
        ulong reference,
        DocumentHeader header,
        MerkleHash digest,
        long sizeBytes,
        List<(ulong Reference, SubmittedDocument Document)> batch,
        IServerStreamWriter<SealDocumentsResponse> responses)
    {
        if (Failures.TryGetValue(header.DocumentId, out var failure) && failure.Times > 0)
        {
            Failures[header.DocumentId] = failure with { Times = failure.Times - 1 };
            await responses.WriteAsync(Failed(reference, failure.Code, $"told to fail {header.DocumentId}"));
        }
        else if (header.ExpectedSha256.Length > 0 && MerkleHash.Read(header.ExpectedSha256.Span) != digest)
        {
            await responses.WriteAsync(Failed(reference, StatusCode.InvalidArgument, "expected_sha256 is another one"));
        }
        else if (ledger.FindKey(header.IdempotencyKey, digest) is { } found)
        {
            await responses.WriteAsync(found.IsConflict
                ? Failed(reference, StatusCode.AlreadyExists, "the key was used for another document")
                : new SealDocumentsResponse
                {
                    Sealed = new SealedDocument { Ref = reference, Receipt = ledger.GetReceipt(found.Index), AlreadySealed = true },
                });
        }
        else
        {
            batch.Add((reference, new SubmittedDocument
            {
                Kind = SealedKind.Document,
                Digest = digest,
                SizeBytes = sizeBytes,
                DocumentId = header.DocumentId,
                IdempotencyKey = header.IdempotencyKey,
                MetadataCommitment = header.MetadataCommitment.Memory,
            }));
        }
    }

    private async Task AnswerAsync(List<(ulong Reference, SubmittedDocument Document)> batch, IServerStreamWriter<SealDocumentsResponse> responses)
    {
        var compact = ledger.Seal(batch);
        batch.Clear();
        if (BreakAfterBatches is { } after && Interlocked.Increment(ref _answeredBatches) > after && Interlocked.Increment(ref _breaks) <= BreaksMax)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "told to break"));
        }

        await responses.WriteAsync(new SealDocumentsResponse { Compact = compact });
    }

    private static SealDocumentsResponse Failed(ulong reference, StatusCode code, string message) =>
        new() { Failed = new FailedDocument { Ref = reference, Code = (int)code, Message = message } };
}
