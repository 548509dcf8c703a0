using Google.Protobuf;
using Seal.V1;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>How an entry, or several, are named: by index, document id, digest or idempotency key.</summary>
public sealed class EntryLookup
{
    private readonly long? _index;
    private readonly string? _documentId;
    private readonly MerkleHash? _digest;
    private readonly string? _idempotencyKey;

    private EntryLookup(long? index = null, string? documentId = null, MerkleHash? digest = null, string? idempotencyKey = null)
    {
        _index = index;
        _documentId = documentId;
        _digest = digest;
        _idempotencyKey = idempotencyKey;
    }

    /// <summary>The entry at an index; to get its receipt, not to find it.</summary>
    public static EntryLookup ByIndex(long index) => new(index: index);

    /// <summary>Entries with a document id.</summary>
    public static EntryLookup ByDocumentId(string documentId) => new(documentId: documentId);

    /// <summary>Entries with a document's SHA-256.</summary>
    public static EntryLookup ByDigest(MerkleHash digest) => new(digest: digest);

    /// <summary>The entry of an idempotency key; to find it, not to get its receipt.</summary>
    public static EntryLookup ByIdempotencyKey(string idempotencyKey) => new(idempotencyKey: idempotencyKey);

    /// <exception cref="InvalidOperationException">It is an index.</exception>
    internal FindEntriesRequest ToFindRequest(string ledger) => this switch
    {
        { _documentId: { } documentId } => new() { Ledger = ledger, DocumentId = documentId },
        { _digest: { } digest } => new() { Ledger = ledger, Digest = ByteString.CopyFrom(digest.AsSpan()) },
        { _idempotencyKey: { } key } => new() { Ledger = ledger, IdempotencyKey = key },
        _ => throw new InvalidOperationException("Entries are found by document id, digest or idempotency key."),
    };

    /// <exception cref="InvalidOperationException">It is an idempotency key.</exception>
    internal GetReceiptRequest ToReceiptRequest(string ledger) => this switch
    {
        { _index: { } index } => new() { Ledger = ledger, Index = index },
        { _documentId: { } documentId } => new() { Ledger = ledger, DocumentId = documentId },
        { _digest: { } digest } => new() { Ledger = ledger, Digest = ByteString.CopyFrom(digest.AsSpan()) },
        _ => throw new InvalidOperationException("Receipts are found by index, document id or digest."),
    };

    /// <summary>Whether a receipt is for what was asked for.</summary>
    internal bool Matches(long index, EntryDetails entry) =>
        (_index is not { } i || i == index)
        && (_documentId is not { } id || id == entry.DocumentId)
        && (_digest is not { } digest || digest == entry.Digest);
}
