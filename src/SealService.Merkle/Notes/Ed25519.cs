using System.Security.Cryptography;
using SealService.Merkle.Interop;
using static SealService.Merkle.Interop.LibcryptoEvp;

namespace SealService.Merkle;

/// <summary>Ed25519 verification (RFC 8032 section 5.1.7) by libcrypto.</summary>
internal static unsafe class Ed25519
{
    public const int PublicKeyBytes = 32;
    public const int SignatureBytes = 64;

    public static bool IsSupported => LibcryptoEvp.IsAvailable;

    /// <summary>False for a signature that does not verify, of any length and form.</summary>
    /// <exception cref="PlatformNotSupportedException">libcrypto is not there.</exception>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (!IsSupported)
        {
            throw new PlatformNotSupportedException("Ed25519 needs OpenSSL's libcrypto 1.1.1 or later.");
        }

        if (publicKey.Length != PublicKeyBytes || signature.Length != SignatureBytes)
        {
            return false;
        }

        nint key = 0;
        nint context = 0;
        fixed (byte* publicKeyBytes = publicKey, dataBytes = data, signatureBytes = signature)
        {
            try
            {
                key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, 0, publicKeyBytes, PublicKeyBytes);
                context = EVP_MD_CTX_new();
                if (key == 0 || context == 0 || EVP_DigestVerifyInit(context, 0, 0, 0, key) != 1)
                {
                    throw new CryptographicException("libcrypto can't verify Ed25519 signatures.");
                }

                return EVP_DigestVerify(context, signatureBytes, SignatureBytes, dataBytes, (nuint)data.Length) == 1;
            }
            finally
            {
                EVP_MD_CTX_free(context);
                EVP_PKEY_free(key);

                // A refused signature stays in the thread's error queue, where the next user of libcrypto would find it.
                ERR_clear_error();
            }
        }
    }
}
