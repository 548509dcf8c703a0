using System.Formats.Asn1;
using System.Security.Cryptography;

namespace SealService.Pkcs11;

/// <summary>A public key on one of the two curves that seal.</summary>
/// <param name="algorithm">The curve and what is done on it.</param>
/// <param name="point">Ed25519: 32 bytes. P-256: uncompressed, 65 bytes.</param>
internal sealed class EcPublicKey(KeyAlgorithm algorithm, byte[] point)
{
    private const int Ed25519PointBytes = 32;
    private const int P256PointBytes = 65;
    private const byte UncompressedPoint = 0x04;
    private const byte OctetStringTag = 0x04;

    /// <summary>SubjectPublicKeyInfo up to the point: RFC 8410 section 4.</summary>
    private static ReadOnlySpan<byte> Ed25519SpkiPrefix => [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

    /// <summary>SubjectPublicKeyInfo up to the point: RFC 5480 section 2, id-ecPublicKey with secp256r1.</summary>
    private static ReadOnlySpan<byte> P256SpkiPrefix =>
    [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
        0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];

    /// <summary>CKA_EC_PARAMS in PKCS#11 3.0: a PrintableString.</summary>
    private static ReadOnlySpan<byte> Edwards25519Name => "\u0013\u000Cedwards25519"u8;

    /// <summary>CKA_EC_PARAMS in PKCS#11 3.1: the algorithm's OBJECT IDENTIFIER.</summary>
    private static ReadOnlySpan<byte> Ed25519Oid => [0x06, 0x03, 0x2B, 0x65, 0x70];

    private static ReadOnlySpan<byte> P256Oid => [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

    public KeyAlgorithm Algorithm { get; } = algorithm;

    public byte[] Point { get; } = point;

    public bool Matches(EcPublicKey other) => Algorithm == other.Algorithm && Point.AsSpan().SequenceEqual(other.Point);

    /// <summary>The key as a DER SubjectPublicKeyInfo.</summary>
    public byte[] ToSubjectPublicKeyInfo() => [.. Algorithm == KeyAlgorithm.Ed25519 ? Ed25519SpkiPrefix : P256SpkiPrefix, .. Point];

    /// <summary>Reads CKA_EC_PARAMS and CKA_EC_POINT; null for another curve or a point that is not on it.</summary>
    public static EcPublicKey? TryRead(ReadOnlySpan<byte> parameters, ReadOnlySpan<byte> point)
    {
        if (parameters.SequenceEqual(Edwards25519Name) || parameters.SequenceEqual(Ed25519Oid))
        {
            return TryUnwrap(point, Ed25519PointBytes) is { } raw ? new EcPublicKey(KeyAlgorithm.Ed25519, raw) : null;
        }

        return parameters.SequenceEqual(P256Oid) && TryUnwrap(point, P256PointBytes) is [UncompressedPoint, ..] uncompressed
            ? new EcPublicKey(KeyAlgorithm.EcdsaP256, uncompressed)
            : null;
    }

    /// <summary>Reads CKA_PUBLIC_KEY_INFO; null for another kind of key.</summary>
    public static EcPublicKey? TryReadSubjectPublicKeyInfo(ReadOnlySpan<byte> info)
    {
        if (info.StartsWith(Ed25519SpkiPrefix) && info.Length == Ed25519SpkiPrefix.Length + Ed25519PointBytes)
        {
            return new EcPublicKey(KeyAlgorithm.Ed25519, info[Ed25519SpkiPrefix.Length..].ToArray());
        }

        return info.StartsWith(P256SpkiPrefix) && info.Length == P256SpkiPrefix.Length + P256PointBytes
            ? new EcPublicKey(KeyAlgorithm.EcdsaP256, info[P256SpkiPrefix.Length..].ToArray())
            : null;
    }

    /// <summary>
    /// Makes a signature as the token gives it (two fixed-length halves) what its users want: Ed25519 as it is, ECDSA as DER (RFC 3279
    /// section 2.2.3).
    /// </summary>
    public byte[] EncodeSignature(ReadOnlySpan<byte> raw)
    {
        if (Algorithm == KeyAlgorithm.Ed25519)
        {
            return raw.ToArray();
        }

        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteIntegerUnsigned(WithoutLeadingZeros(raw[..(raw.Length / 2)]));
            writer.WriteIntegerUnsigned(WithoutLeadingZeros(raw[(raw.Length / 2)..]));
        }

        return writer.Encode();
    }

    /// <summary>Whether this key made the encoded signature.</summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature, Ed25519Verifier ed25519Verifier)
    {
        if (Algorithm == KeyAlgorithm.Ed25519)
        {
            return ed25519Verifier(Point, message, signature);
        }

        using var ecdsa = ECDsa.Create();
        try
        {
            ecdsa.ImportSubjectPublicKeyInfo(ToSubjectPublicKeyInfo(), out _);
            return ecdsa.VerifyData(message, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        }
        catch (CryptographicException)
        {
            return false; // not a point on the curve
        }
    }

    /// <summary>
    /// CKA_EC_POINT is the point, or a DER OCTET STRING around it, depending on the module. The lengths are fixed, so they tell which.
    /// </summary>
    private static byte[]? TryUnwrap(ReadOnlySpan<byte> point, int pointBytes)
    {
        if (point.Length == pointBytes)
        {
            return point.ToArray();
        }

        return point.Length == pointBytes + 2 && point[0] == OctetStringTag && point[1] == pointBytes ? point[2..].ToArray() : null;
    }

    private static ReadOnlySpan<byte> WithoutLeadingZeros(ReadOnlySpan<byte> number)
    {
        ReadOnlySpan<byte> trimmed = number.TrimStart((byte)0);
        return trimmed.IsEmpty ? number[..1] : trimmed;
    }
}
