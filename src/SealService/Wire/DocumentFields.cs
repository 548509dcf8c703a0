using System.Diagnostics.CodeAnalysis;
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
    private readonly byte[] _scratch = new byte[IdBytesMax + 1]; // one more than allowed is enough to see that a value is too long
    private int _documentIdLength;
    private OptionalHash _idempotencyKeySha256;
    private OptionalHash _metadataCommitment;
    private OptionalHash _expectedSha256;

    /// <summary>The document's id, UTF-8; empty when it has none.</summary>
    public ReadOnlySpan<byte> DocumentId => _documentId.AsSpan(0, _documentIdLength);

    /// <summary>SHA-256 of the idempotency key: 32 bytes, or empty.</summary>
    public ReadOnlySpan<byte> IdempotencyKeySha256 => _idempotencyKeySha256.AsSpan();

    /// <summary>The caller's commitment: 32 bytes, or empty.</summary>
    public ReadOnlySpan<byte> MetadataCommitment => _metadataCommitment.AsSpan();

    /// <summary>The digest that the document must have, when the caller said so: 32 bytes, or empty.</summary>
    public ReadOnlySpan<byte> ExpectedSha256 => _expectedSha256.AsSpan();

    /// <summary>Forgets the last document.</summary>
    public void Reset()
    {
        _documentIdLength = 0;
        _idempotencyKeySha256.Clear();
        _metadataCommitment.Clear();
        _expectedSha256.Clear();
    }

    /// <summary>
    /// Reads a header over an object that was reset. False leaves what is wrong, with the field's name and limit, in <paramref name="error"/>.
    /// </summary>
    public bool TryRead(ProtobufReader header, out FieldError error)
    {
        while (!header.AtEnd)
        {
            if (!header.TryReadTag(out var tag))
            {
                error = FieldError.Malformed("header");
                return false;
            }

            if ((tag & 7) != ProtobufReader.LengthDelimited || tag >> 3 > 4)
            {
                if (!header.TrySkip(tag))
                {
                    error = FieldError.Malformed("header");
                    return false;
                }

                continue;
            }

            if (!header.TryReadBytes(_scratch, out var value))
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

    private bool TrySet(uint field, ReadOnlySpan<byte> value, out FieldError error) => field switch
    {
        1 => TrySetKey(value, out error),
        2 => TrySetDocumentId(value, out error),
        3 => TrySetHash("metadata_commitment", value, ref _metadataCommitment, out error),
        _ => TrySetHash("expected_sha256", value, ref _expectedSha256, out error),
    };

    private bool TrySetKey(ReadOnlySpan<byte> bytes, out FieldError error)
    {
        error = CheckText("idempotency_key", bytes);
        if (error.IsNone && !bytes.IsEmpty)
        {
            _idempotencyKeySha256.Set(Sha256.HashData(bytes));
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

    private static bool TrySetHash(string field, ReadOnlySpan<byte> bytes, ref OptionalHash hash, out FieldError error)
    {
        hash.Clear();
        if (bytes.Length == MerkleHash.Size)
        {
            hash.Set(MerkleHash.Read(bytes));
        }
        else if (!bytes.IsEmpty)
        {
            error = FieldError.Length(field, "must be 32 bytes or empty");
            return false;
        }

        error = default;
        return true;
    }

    private static FieldError CheckText(string field, ReadOnlySpan<byte> bytes) =>
        bytes.Length > IdBytesMax ? FieldError.Length(field, "is longer than 128 bytes")
        : !Utf8.IsValid(bytes) ? FieldError.Length(field, "is not valid UTF-8")
        : default;

    // Unlike MerkleHash? it is looked at, and cleared, without touching its 32 bytes.
    private struct OptionalHash
    {
        private MerkleHash _hash;
        private bool _isPresent;

        [UnscopedRef]
        public readonly ReadOnlySpan<byte> AsSpan() => _isPresent ? _hash.AsSpan() : [];

        public void Set(in MerkleHash hash)
        {
            _hash = hash;
            _isPresent = true;
        }

        public void Clear() => _isPresent = false;
    }
}

/// <summary>What is wrong with a field of a request; the default value is "nothing".</summary>
internal readonly record struct FieldError(string? Field, string? Description)
{
    public bool IsNone => Field is null;

    public string Message => $"{Field} {Description}.";

    public static FieldError Malformed(string field) => new(field, "is not valid protobuf");

    public static FieldError Length(string field, string description) => new(field, description);
}
