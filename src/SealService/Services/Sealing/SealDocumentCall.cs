using System.Buffers;
using Grpc.Core;
using Grpc.Server;
using SealService.Configuration;
using SealService.Hosting;
using SealService.Ledger;
using SealService.Merkle;
using SealService.Wire;
using EntryKind = SealService.Merkle.EntryKind;

namespace SealService.Services.Sealing;

/// <summary>One call of <c>seal.v1.Sealing/SealDocument</c>: a header, chunks, and one full receipt.</summary>
internal sealed class SealDocumentCall(LedgerDirectory ledgers, LimitOptions limits, ServerDrain drain, ServerStreamReader<ReadOnlySequence<byte>> requests)
{
    private readonly DocumentFields _fields = new();

    public async Task<SealDocumentAnswer> RunAsync(CancellationToken cancellationToken)
    {
        HostedLedger? ledger = null;
        using var hash = new Sha256Incremental();
        long size = 0;
        await drain.ReadToEndAsync(requests, "The document was not sealed.", message =>
        {
            if (ledger is null)
            {
                ledger = ReadHeader(message);
            }
            else
            {
                size += AppendChunk(message, hash, size);
            }
        }, cancellationToken);
        if (ledger is null)
        {
            throw BadRequest.Of("header", "is missing: it must be the stream's first message");
        }

        var digest = hash.Finish();
        if (_fields.ExpectedSha256 is { IsEmpty: false } expected && !expected.SequenceEqual(digest.AsSpan()))
        {
            throw BadRequest.Of("header.document.expected_sha256", $"is {MerkleHash.Read(expected)}, but the document's SHA-256 is {digest}");
        }

        return _fields.IdempotencyKeySha256 is { IsEmpty: false } key
            ? await SealOnceAsync(ledger.Ledger, MerkleHash.Read(key), digest, size, cancellationToken)
            : Answer(await AddAsync(ledger.Ledger, digest, size, claim: null, cancellationToken));
    }

    // SealDocumentRequest { 1: header { 1: ledger  2: document }  2: chunk }
    private HostedLedger ReadHeader(in ReadOnlySequence<byte> message)
    {
        if (!PartReader.TryRead(message, wanted: 1, refused: 2, out var header))
        {
            throw BadRequest.Of("header", "is missing, or not alone: it must be the stream's first message");
        }

        ProtobufReader.Open(header, out var reader);
        return ledgers.Get(SealDocumentHeaderReader.Read(reader, _fields));
    }

    private long AppendChunk(in ReadOnlySequence<byte> message, Sha256Incremental hash, long sizeBefore)
    {
        if (!PartReader.TryRead(message, wanted: 2, refused: 1, out var chunk))
        {
            throw BadRequest.Of("chunk", "is missing: after the header every message is a chunk");
        }

        if (sizeBefore + chunk.Length > limits.DocumentBytesMax)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, $"The document is larger than {limits.DocumentBytesMax} bytes (Seal:Limits:DocumentBytesMax)."));
        }

        hash.Append(chunk);
        return chunk.Length;
    }

    private async ValueTask<SealDocumentAnswer> SealOnceAsync(SealLedger ledger, MerkleHash key, MerkleHash digest, long size, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await ledger.ClaimAsync(key, digest, cancellationToken).Mapped();
            switch (result.Outcome)
            {
                case ClaimOutcome.Claimed:
                    using (result.Claim)
                    {
                        return Answer(await AddAsync(ledger, digest, size, result.Claim, cancellationToken));
                    }

                case ClaimOutcome.Conflict:
                    throw new RpcException(new Status(StatusCode.AlreadyExists, "idempotency_key was used for a document with another digest."));
                default:
                    var index = result.Outcome == ClaimOutcome.Sealed ? result.Index : await new ValueTask<long?>(result.WaitForIndexAsync(cancellationToken)).Mapped();
                    if (index is { } found)
                    {
                        return new SealDocumentAnswer(await ledger.ReadReceiptAsync(found, cancellationToken), AlreadySealed: true);
                    }

                    break; // the other call's batch failed: the key is free again
            }
        }
    }

    private ValueTask<SealOutcome> AddAsync(SealLedger ledger, in MerkleHash digest, long size, Claim? claim, CancellationToken cancellationToken) =>
        ledger.SealAsync(
            new DocumentSeal
            {
                Kind = EntryKind.Document,
                Digest = digest.AsSpan(),
                SizeBytes = size,
                DocumentId = _fields.DocumentId,
                MetadataCommitment = _fields.MetadataCommitment,
                Claim = claim,
            },
            cancellationToken);

    private static SealDocumentAnswer Answer(SealOutcome outcome) => outcome.Failure is { } failure
        ? throw LedgerStatus.ToRpcException(failure)
        : new SealDocumentAnswer(outcome.Receipt!, AlreadySealed: false);
}
