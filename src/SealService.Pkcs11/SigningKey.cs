using System.Security.Cryptography;
using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>A private key in a token, bound to its algorithm and pinned to its public key. Safe for concurrent use.</summary>
public sealed class SigningKey
{
    /// <summary>Of a signature as the module gives it: R || S of Ed25519, r || s of P-256.</summary>
    private const int RawSignatureBytes = 64;

    /// <summary>
    /// Of the buffer that a module writes to. Longer than any signature of these keys, so that one that is not of such a key is an error
    /// of ours and not CKR_BUFFER_TOO_SMALL, which would leave the operation open.
    /// </summary>
    private const int SignatureBufferBytes = 1024;

    private readonly Token _token;
    private volatile string? _fault; // written under the lock of Connector, once

    internal SigningKey(Token token, KeySelector selector, KeyObject found)
    {
        _token = token;
        Selector = selector;
        Label = found.Label;
        EcPublicKey = found.PublicKey;
        SubjectPublicKeyInfo = found.PublicKey.ToSubjectPublicKeyInfo();
    }

    /// <summary>The key's label (<c>CKA_LABEL</c>).</summary>
    public string Label { get; }

    /// <summary>What it signs with.</summary>
    public KeyAlgorithm Algorithm => EcPublicKey.Algorithm;

    /// <summary>Ed25519: 32 bytes. P-256: the uncompressed point, 65 bytes.</summary>
    public ReadOnlyMemory<byte> PublicKey => EcPublicKey.Point;

    /// <summary>The public key as a DER <c>SubjectPublicKeyInfo</c> (RFC 8410, RFC 5480).</summary>
    public ReadOnlyMemory<byte> SubjectPublicKeyInfo { get; }

    internal KeySelector Selector { get; }

    internal EcPublicKey EcPublicKey { get; }

    internal CKM Mechanism => Algorithm == KeyAlgorithm.Ed25519 ? CKM.EDDSA : CKM.ECDSA;

    /// <summary>Why the key must not be used any more; null when it may.</summary>
    internal string? Fault
    {
        get => _fault;
        set => _fault = value;
    }

    /// <summary>
    /// Signs a message of up to <see cref="TokenOptions.MessageBytesMax"/> bytes. The bytes are copied before this returns.
    /// </summary>
    /// <returns>Ed25519: 64 bytes. P-256: DER.</returns>
    /// <exception cref="ArgumentException">The message is too long.</exception>
    /// <exception cref="HsmBusyException">The queue is full.</exception>
    /// <exception cref="HsmUnavailableException">
    /// The token can't sign now, or did not within <see cref="TokenOptions.SignTimeout"/>.
    /// </exception>
    /// <exception cref="HsmConfigurationException">The PIN was refused, or the token has another key now: final.</exception>
    public ValueTask<byte[]> SignAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (message.Length > TokenOptions.MessageBytesMax)
        {
            throw new ArgumentException($"A message of more than {TokenOptions.MessageBytesMax} bytes is not signed.", nameof(message));
        }

        return _token.SignAsync(this, Prepare(message.Span), cancellationToken);
    }

    /// <summary>What the mechanism takes: CKM_EDDSA the message, CKM_ECDSA its digest.</summary>
    internal byte[] Prepare(ReadOnlySpan<byte> message) =>
        Algorithm == KeyAlgorithm.Ed25519 ? message.ToArray() : SHA256.HashData(message);

    /// <summary>Signs in a session, single-part. Inside a call scope, on the thread that uses the session.</summary>
    /// <param name="cryptoki">The module.</param>
    /// <param name="session">The session.</param>
    /// <param name="handle">The key's, in the session's connection.</param>
    /// <param name="data">From <see cref="Prepare"/>.</param>
    /// <param name="signature">Encoded for its users; empty when it failed.</param>
    internal CKR SignCore(Cryptoki cryptoki, nuint session, nuint handle, ReadOnlySpan<byte> data, out byte[] signature)
    {
        signature = [];
        CKR returnValue = cryptoki.SignInit(session, Mechanism, handle);
        if (returnValue != CKR.OK)
        {
            return returnValue;
        }

        Span<byte> raw = stackalloc byte[SignatureBufferBytes];
        returnValue = cryptoki.Sign(session, data, raw, out int length);
        if (returnValue != CKR.OK)
        {
            return returnValue;
        }

        if (length != RawSignatureBytes)
        {
            return CKR.KEY_TYPE_INCONSISTENT; // the module's word for a key that is not what it is taken for
        }

        signature = EcPublicKey.EncodeSignature(raw[..length]);
        return CKR.OK;
    }
}
