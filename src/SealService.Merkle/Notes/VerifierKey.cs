using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace SealService.Merkle;

/// <summary>The signature types of C2SP signed notes that are verified here; the values are the format's.</summary>
public enum NoteSignatureType : byte
{
    /// <summary>No type.</summary>
    None = 0,

    /// <summary>Ed25519 over the text.</summary>
    Ed25519 = 0x01,

    /// <summary>ECDSA on P-256 over SHA-256 of the text, in DER.</summary>
    EcdsaP256 = 0x02,
}

/// <summary>
/// The public key that a signed note's signatures are verified with, and its text form, the C2SP verifier key
/// <c>name+hex(keyID)+base64(type || key)</c>. Immutable and safe for use by several threads.
/// </summary>
public sealed class VerifierKey : IEquatable<VerifierKey>
{
    /// <summary>The longest verifier key that is parsed, in characters.</summary>
    public const int TextLengthMax = 1024;

    private const int KeyIdHexLength = 8;
    private const string EcdsaP256Oid = "1.2.840.10045.3.1.7";

    private readonly byte[] _publicKey;

    private VerifierKey(string name, NoteSignatureType type, byte[] publicKey)
    {
        Name = name;
        SignatureType = type;
        _publicKey = publicKey;
        KeyId = ComputeKeyId(name, type, publicKey);
    }

    /// <summary>The key's name; of a log's key its origin.</summary>
    public string Name { get; }

    /// <summary>The key's id, which with the name marks its signatures.</summary>
    public uint KeyId { get; }

    /// <summary>The signature type.</summary>
    public NoteSignatureType SignatureType { get; }

    /// <summary>Ed25519: the 32 bytes of RFC 8032. ECDSA: SubjectPublicKeyInfo in DER.</summary>
    public ReadOnlyMemory<byte> PublicKey => _publicKey;

    /// <summary>Creates an Ed25519 key.</summary>
    /// <param name="name">Not empty, without white space and '+'.</param>
    /// <param name="publicKey">The 32 bytes of RFC 8032.</param>
    /// <exception cref="ArgumentException">The name or the key is malformed.</exception>
    /// <exception cref="PlatformNotSupportedException">The machine has no libcrypto to verify with.</exception>
    public static VerifierKey CreateEd25519(string name, ReadOnlySpan<byte> publicKey) =>
        Ed25519.IsSupported
            ? Create(name, NoteSignatureType.Ed25519, publicKey)
            : throw new PlatformNotSupportedException("Ed25519 needs OpenSSL's libcrypto 1.1.1 or later.");

    /// <summary>Creates an ECDSA P-256 key.</summary>
    /// <param name="name">Not empty, without white space and '+'.</param>
    /// <param name="subjectPublicKeyInfo">SubjectPublicKeyInfo in DER.</param>
    /// <exception cref="ArgumentException">The name or the key is malformed.</exception>
    public static VerifierKey CreateEcdsaP256(string name, ReadOnlySpan<byte> subjectPublicKeyInfo) =>
        Create(name, NoteSignatureType.EcdsaP256, subjectPublicKeyInfo);

    /// <summary>Parses a verifier key. False, and why, when it is malformed or of a type that can't be verified here.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out VerifierKey? key, [NotNullWhen(false)] out string? error)
    {
        key = null;
        text ??= "";
        int firstPlus = text.IndexOf('+', StringComparison.Ordinal);
        int keyStart = firstPlus + 1 + KeyIdHexLength + 1;
        if (text.Length > TextLengthMax || firstPlus < 0 || keyStart > text.Length || text[keyStart - 1] != '+'
            || !TryParseKeyId(text.AsSpan(firstPlus + 1, KeyIdHexLength), out uint keyId)
            || !StrictBase64.TryDecode(Encoding.UTF8.GetBytes(text[keyStart..]), out byte[]? typeAndKey)
            || typeAndKey.Length == 0)
        {
            error = "a verifier key is name+hash+base64 of type and key";
            return false;
        }

        string name = text[..firstPlus];
        var type = (NoteSignatureType)typeAndKey[0];
        byte[] publicKey = typeAndKey[1..];
        error = FindFault(name, type, publicKey);
        if (error is not null)
        {
            return false;
        }

        var parsed = new VerifierKey(name, type, publicKey);
        if (parsed.KeyId != keyId)
        {
            error = $"the verifier key says that its id is {keyId:x8}, but its name and key give {parsed.KeyId:x8}";
            return false;
        }

        key = parsed;
        return true;
    }

    /// <summary>
    /// Whether <paramref name="signature"/> is this key's signature over <paramref name="text"/>. Hostile input gives false, no exception.
    /// </summary>
    public bool Verify(ReadOnlySpan<byte> text, ReadOnlySpan<byte> signature)
    {
        if (SignatureType == NoteSignatureType.Ed25519)
        {
            return Ed25519.Verify(_publicKey, text, signature);
        }

        using var ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(_publicKey, out _);
        return ecdsa.VerifyData(text, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    /// <summary>The signature line of a signature by this key; it is not verified.</summary>
    /// <param name="signature">Ed25519: 64 bytes. ECDSA: DER.</param>
    /// <exception cref="ArgumentException">The signature has a length that the type can't have.</exception>
    public NoteSignature CreateSignature(ReadOnlyMemory<byte> signature)
    {
        if (signature.IsEmpty || (SignatureType == NoteSignatureType.Ed25519 && signature.Length != Ed25519.SignatureBytes))
        {
            throw new ArgumentException($"A signature of {signature.Length} bytes can't be {SignatureType}.", nameof(signature));
        }

        return new NoteSignature(Name, KeyId, signature);
    }

    /// <summary>SubjectPublicKeyInfo in DER.</summary>
    public byte[] ToSubjectPublicKeyInfo() =>
        SignatureType == NoteSignatureType.Ed25519 ? [.. Ed25519SpkiPrefix, .. _publicKey] : [.. _publicKey];

    /// <summary>The C2SP verifier key.</summary>
    public override string ToString() => $"{Name}+{KeyId:x8}+{Convert.ToBase64String([(byte)SignatureType, .. _publicKey])}";

    /// <inheritdoc/>
    public bool Equals(VerifierKey? other) =>
        other is not null && KeyId == other.KeyId && SignatureType == other.SignatureType
        && string.Equals(Name, other.Name, StringComparison.Ordinal) && _publicKey.AsSpan().SequenceEqual(other._publicKey);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as VerifierKey);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(KeyId, Name);

    // SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes } (RFC 8410 section 4)
    private static ReadOnlySpan<byte> Ed25519SpkiPrefix => [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

    private static VerifierKey Create(string name, NoteSignatureType type, ReadOnlySpan<byte> publicKey)
    {
        ArgumentNullException.ThrowIfNull(name);
        byte[] copy = publicKey.ToArray();
        return FindFault(name, type, copy) is { } fault
            ? throw new ArgumentException(fault, nameof(publicKey))
            : new VerifierKey(name, type, copy);
    }

    private static string? FindFault(string name, NoteSignatureType type, byte[] publicKey) => (type, publicKey.Length) switch
    {
        _ when !NoteSignature.IsName(name) => "a key's name is not empty and has neither white space nor '+'",
        (NoteSignatureType.Ed25519, _) when !Ed25519.IsSupported => "Ed25519 needs OpenSSL's libcrypto 1.1.1 or later",
        (NoteSignatureType.Ed25519, Ed25519.PublicKeyBytes) => null,
        (NoteSignatureType.Ed25519, int length) => $"an Ed25519 key has 32 bytes, not {length}",
        (NoteSignatureType.EcdsaP256, _) => IsEcdsaP256(publicKey) ? null : "the key is not the SubjectPublicKeyInfo of a P-256 key",
        _ => $"signature type 0x{(byte)type:x2} can't be verified here",
    };

    private static bool IsEcdsaP256(byte[] subjectPublicKeyInfo)
    {
        try
        {
            using var ecdsa = ECDsa.Create();
            ecdsa.ImportSubjectPublicKeyInfo(subjectPublicKeyInfo, out int read);
            string? curve = ecdsa.ExportParameters(includePrivateParameters: false).Curve.Oid?.Value;
            return read == subjectPublicKeyInfo.Length && string.Equals(curve, EcdsaP256Oid, StringComparison.Ordinal);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static bool TryParseKeyId(ReadOnlySpan<char> hex, out uint keyId)
    {
        keyId = 0;
        return !hex.ContainsAnyInRange('A', 'F')
            && uint.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out keyId);
    }

    // Ed25519: SHA-256(name || LF || type || key); ECDSA, for compatibility with what exists: SHA-256(SPKI).
    private static uint ComputeKeyId(string name, NoteSignatureType type, byte[] publicKey)
    {
        byte[] input = type == NoteSignatureType.EcdsaP256
            ? publicKey
            : [.. Encoding.UTF8.GetBytes(name), (byte)'\n', (byte)type, .. publicKey];
        return BinaryPrimitives.ReadUInt32BigEndian(Sha256.HashData(input).AsSpan());
    }
}
