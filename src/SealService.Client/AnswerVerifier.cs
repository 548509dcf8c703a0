using System.Text;
using SealService.Client.Bulk;
using SealService.Merkle;
using Wire = Seal.V1;

namespace SealService.Client;

/// <summary>
/// Believes nothing that the server answers before it is proved: that a trusted key signed the head (when there is a key),
/// that the leaf hashes lead to its root, and that each leaf is the entry of what was sent. Safe for concurrent use.
/// </summary>
internal sealed class AnswerVerifier(IEnumerable<VerifierKey> trustedKeys)
{
    private readonly ReceiptVerifier _receipts = new(trustedKeys);

    private bool HasKeys => _receipts.TrustedKeys.Count > 0;

    /// <exception cref="InvalidAnswerException">It is no checkpoint, or there are trusted keys and none of its origin's signed it.</exception>
    public SignedCheckpoint Open(ReadOnlyMemory<byte> note)
    {
        Checkpoint? checkpoint;
        string? error;
        var isRight = HasKeys
            ? _receipts.TryVerify(note, out checkpoint, out error)
            : Checkpoint.TryParseNote(note, out _, out checkpoint, out error);
        return isRight ? new SignedCheckpoint(note, checkpoint!, HasKeys) : throw new InvalidAnswerException(error!);
    }

    /// <summary>The results of documents that one batch sealed, with their receipts.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="documents">What its refs stand for, in their order.</param>
    /// <exception cref="InvalidAnswerException">Something in it is not as it should be.</exception>
    public SealResult[] Accept(Wire.CompactReceipts answer, OutstandingDocument[] documents)
    {
        using var compact = Read(answer);
        if (compact.Count != documents.Length)
        {
            throw new InvalidAnswerException($"there are {compact.Count} leaf hashes for {documents.Length} documents");
        }

        var head = Open(compact.Checkpoint).Checkpoint;
        if (!compact.TryVerify(head, out var error))
        {
            throw new InvalidAnswerException(error);
        }

        // Comparing a leaf means making its entry; the rest of its receipt is a few copied hashes more. So receipts are
        // expanded here, and no result keeps its whole batch in memory.
        var results = new SealResult[documents.Length];
        for (var i = 0; i < results.Length; i++)
        {
            if (!compact.TryExpand(i, documents[i].ToSubmitted(), out var receipt, out error))
            {
                throw new InvalidAnswerException($"'{documents[i].Document.Name}': {error}");
            }

            results[i] = SealResult.Sealed(documents[i], receipt, alreadySealed: false);
        }

        return results;
    }

    /// <summary>The result of a document that came with a full receipt.</summary>
    /// <exception cref="InvalidAnswerException">Something in it is not as it should be.</exception>
    public SealResult Accept(Wire.SealedDocument answer, OutstandingDocument document)
    {
        var receipt = Read(answer.Receipt);
        Demand(receipt, document.Digest, document.SizeBytes);
        // One that was sealed before has the salt and the time of then, and perhaps another id: the key says that it is the one.
        var expectedKey = Sha256.HashData(Encoding.UTF8.GetBytes(document.IdempotencyKey!));
        return EntryDetails.TryRead(receipt.Entry.Span, out var entry, out var error) && entry.IdempotencyKeySha256 == expectedKey
            ? SealResult.Sealed(document, receipt, answer.AlreadySealed)
            : throw new InvalidAnswerException(error ?? $"'{document.Document.Name}': the entry carries another idempotency key");
    }

    /// <summary>A receipt that was asked for.</summary>
    /// <exception cref="InvalidAnswerException">It is not valid, or not what was asked for.</exception>
    public Receipt Accept(Wire.Receipt answer, EntryLookup lookup)
    {
        var receipt = Read(answer);
        Demand(receipt, digest: null, sizeBytes: null);
        return EntryDetails.TryRead(receipt.Entry.Span, out var entry, out var error) && lookup.Matches(receipt.Index, entry)
            ? receipt
            : throw new InvalidAnswerException(error ?? "the receipt is of another entry than was asked for");
    }

    /// <summary>Every check but those of the origin and the signature must pass without keys; with keys, those too.</summary>
    private void Demand(Receipt receipt, MerkleHash? digest, long? sizeBytes)
    {
        var report = _receipts.Verify(receipt, digest, sizeBytes, explainPassed: false);
        var failed = report.Checks.FirstOrDefault(
            check => check.Outcome == CheckOutcome.Failed && (HasKeys || check.Kind is not (CheckKind.Origin or CheckKind.Signature)));
        if (failed is not null || (HasKeys && !report.IsValid))
        {
            throw new InvalidAnswerException((failed ?? report.FirstFailure!).Detail);
        }
    }

    private static Receipt Read(Wire.Receipt? receipt) => receipt is null
        ? throw new InvalidAnswerException("the server sent no receipt")
        : new Receipt(receipt.Entry.Memory, receipt.Index, WireHashes.ReadAll(receipt.InclusionProof), receipt.Checkpoint.Memory);

    private static CompactReceipts Read(Wire.CompactReceipts answer)
    {
        var offsets = new uint[answer.SealedAtOffsetsMs.Count];
        answer.SealedAtOffsetsMs.CopyTo(offsets, 0);
        return new CompactReceipts
        {
            Checkpoint = answer.Checkpoint.Memory,
            FirstIndex = answer.FirstIndex,
            LeafHashes = answer.LeafHashes.Memory,
            LeftRange = answer.LeftRange.Memory,
            RightRange = answer.RightRange.Memory,
            SaltKey = answer.SaltKey.Memory,
            SealedAtUnixMs = answer.SealedAtUnixMs,
            SealedAtOffsetsMs = offsets,
        };
    }
}
