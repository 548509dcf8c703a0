namespace SealService.Pkcs11;

/// <summary>A private key in a token, bound to its algorithm and pinned to its public key. Safe for concurrent use.</summary>
public sealed class SigningKey
{
    internal SigningKey(string label, KeyAlgorithm algorithm, ReadOnlyMemory<byte> publicKey, ReadOnlyMemory<byte> subjectPublicKeyInfo)
    {
        Label = label;
        Algorithm = algorithm;
        PublicKey = publicKey;
        SubjectPublicKeyInfo = subjectPublicKeyInfo;
    }

    /// <summary>The key's label (<c>CKA_LABEL</c>).</summary>
    public string Label { get; }

    /// <summary>What it signs with.</summary>
    public KeyAlgorithm Algorithm { get; }

    /// <summary>Ed25519: 32 bytes. P-256: the uncompressed point, 65 bytes.</summary>
    public ReadOnlyMemory<byte> PublicKey { get; }

    /// <summary>The public key as a DER <c>SubjectPublicKeyInfo</c> (RFC 5280, RFC 8410).</summary>
    public ReadOnlyMemory<byte> SubjectPublicKeyInfo { get; }

    /// <summary>Signs a message of up to <see cref="TokenOptions.MessageBytesMax"/> bytes. The bytes are copied before this returns.</summary>
    /// <returns>Ed25519: 64 bytes. P-256: DER.</returns>
    /// <exception cref="HsmBusyException">The queue is full.</exception>
    /// <exception cref="HsmUnavailableException">The token can't sign now, or did not within <see cref="TokenOptions.SignTimeout"/>.</exception>
    /// <exception cref="HsmConfigurationException">The PIN was refused, or the token has another key now: final.</exception>
    public ValueTask<byte[]> SignAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
