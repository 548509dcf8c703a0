using System.Buffers;
using System.Text.Unicode;
using SealService.Merkle;

namespace SealService.Wire;

/// <summary>
/// What a caller says about one document: a <c>seal.v1.DocumentHeader</c>, checked, in a form that can be used again without allocation.
/// </summary>
internal sealed class DocumentFields
{
    /// <summary>Most bytes of <c>idempotency_key</c> and of <c>document_id</c>.</summary>
    public const int IdBytesMax = 128;

    private readonly byte[] _documentId = new byte[IdBytesMax];
    private int _documentIdLength;
    private bool _hasCommitment;
    private MerkleHash _metadataCommitment;

    /// <summary>The document's id, UTF-8; empty when it has none.</summary>
    public ReadOnlySpan<byte> DocumentId => _documentId.AsSpan(0, _documentIdLength);

    /// <summary>SHA-256 of the idempotency key, when there is one.</summary>
    public MerkleHash? IdempotencyKeySha256 { get; private set; }

    /// <summary>The caller's commitment: 32 bytes, or empty.</summary>
    public ReadOnlySpan<byte> MetadataCommitment => _hasCommitment ? _metadataCommitment.AsSpan() : [];

    /// <summary>The digest that the document must have, when the caller said so.</summary>
    public MerkleHash? ExpectedSha256 { get; private set; }

    /// <summary>Forgets the last document.</summary>
    public void Reset()
    {
        _documentIdLength = 0;
        IdempotencyKeySha256 = null;
        _hasCommitment = false;
        ExpectedSha256 = null;
    }

    /// <summary>
    /// Reads a header over an object that was reset. False leaves what is wrong, with the field's name and limit, in <paramref name="error"/>.
    /// </summary>
    public bool TryRead(in ReadOnlySequence<byte> header, out FieldError error)
    {
        var reader = new ProtobufReader(header);
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                error = FieldError.Malformed("header");
                return false;
            }

            if ((tag & 7) != ProtobufReader.LengthDelimited || tag >> 3 > 4)
            {
                if (!reader.TrySkip(tag))
                {
                    error = FieldError.Malformed("header");
                    return false;
                }

                continue;
            }

            if (!reader.TryReadBytes(out var value))
            {
                error = FieldError.Malformed("header");
                return false;
            }

            if (!TrySet(tag >> 3, value, out error))
            {
                return false;
            }
        }

        error = default;
        return true;
    }

    /// <summary>Sets the idempotency key and the document id from strings; empty ones are absent.</summary>
    public bool TrySet(ReadOnlySpan<byte> idempotencyKey, ReadOnlySpan<byte> documentId, out FieldError error) =>
        TrySetKey(idempotencyKey, out error) && TrySetDocumentId(documentId, out error);

    private bool TrySet(uint field, in ReadOnlySequence<byte> value, out FieldError error)
    {
        Span<byte> scratch = stackalloc byte[IdBytesMax + 1];
        var length = (int)Math.Min(value.Length, scratch.Length);
        value.Slice(0, length).CopyTo(scratch);
        var bytes = scratch[..length];
        switch (field)
        {
            case 1:
                return TrySetKey(bytes, out error);
            case 2:
                return TrySetDocumentId(bytes, out error);
            case 3:
                var commitment = ReadHash(bytes);
                _hasCommitment = commitment.HasValue;
                _metadataCommitment = commitment.GetValueOrDefault();
                error = !_hasCommitment && length > 0 ? FieldError.Length("metadata_commitment", "must be 32 bytes or empty") : default;
                return error.IsNone;
            default:
                ExpectedSha256 = ReadHash(bytes);
                error = ExpectedSha256 is null && length > 0 ? FieldError.Length("expected_sha256", "must be 32 bytes or empty") : default;
                return error.IsNone;
        }
    }

    private bool TrySetKey(ReadOnlySpan<byte> bytes, out FieldError error)
    {
        error = CheckText("idempotency_key", bytes);
        if (error.IsNone && !bytes.IsEmpty)
        {
            IdempotencyKeySha256 = Sha256.HashData(bytes);
        }

        return error.IsNone;
    }

    private bool TrySetDocumentId(ReadOnlySpan<byte> bytes, out FieldError error)
    {
        error = CheckText("document_id", bytes);
        if (error.IsNone)
        {
            bytes.CopyTo(_documentId);
            _documentIdLength = bytes.Length;
        }

        return error.IsNone;
    }

    private static FieldError CheckText(string field, ReadOnlySpan<byte> bytes) =>
        bytes.Length > IdBytesMax ? FieldError.Length(field, "is longer than 128 bytes")
        : !Utf8.IsValid(bytes) ? FieldError.Length(field, "is not valid UTF-8")
        : default;

    private static MerkleHash? ReadHash(ReadOnlySpan<byte> bytes) => bytes.Length == MerkleHash.Size ? MerkleHash.Read(bytes) : null;
}

/// <summary>What is wrong with a field of a request; the default value is "nothing".</summary>
internal readonly record struct FieldError(string? Field, string? Description)
{
    public bool IsNone => Field is null;

    public string Message => $"{Field} {Description}.";

    public static FieldError Malformed(string field) => new(field, "is not valid protobuf");

    public static FieldError Length(string field, string description) => new(field, description);
}
