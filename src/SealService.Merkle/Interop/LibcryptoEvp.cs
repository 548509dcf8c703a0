#pragma warning disable IDE1006, CA1707 // native names kept

namespace SealService.Merkle.Interop;

/// <summary><c>openssl/evp.h</c>: Ed25519 verification, which .NET has no type for.</summary>
internal static unsafe class LibcryptoEvp
{
    /// <summary>NID_ED25519</summary>
    public const int EVP_PKEY_ED25519 = 1087;

    /// <summary>EVP_PKEY *EVP_PKEY_new_raw_public_key(int type, ENGINE *e, const unsigned char *key, size_t keylen)</summary>
    public static readonly delegate* unmanaged<int, nint, byte*, nuint, nint> EVP_PKEY_new_raw_public_key =
        (delegate* unmanaged<int, nint, byte*, nuint, nint>)LibcryptoLibrary.FindExport("EVP_PKEY_new_raw_public_key");

    /// <summary>void EVP_PKEY_free(EVP_PKEY *key)</summary>
    public static readonly delegate* unmanaged<nint, void> EVP_PKEY_free =
        (delegate* unmanaged<nint, void>)LibcryptoLibrary.FindExport("EVP_PKEY_free");

    /// <summary>EVP_MD_CTX *EVP_MD_CTX_new(void)</summary>
    public static readonly delegate* unmanaged<nint> EVP_MD_CTX_new =
        (delegate* unmanaged<nint>)LibcryptoLibrary.FindExport("EVP_MD_CTX_new");

    /// <summary>void EVP_MD_CTX_free(EVP_MD_CTX *ctx)</summary>
    public static readonly delegate* unmanaged<nint, void> EVP_MD_CTX_free =
        (delegate* unmanaged<nint, void>)LibcryptoLibrary.FindExport("EVP_MD_CTX_free");

    /// <summary>int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e, EVP_PKEY *pkey)</summary>
    public static readonly delegate* unmanaged<nint, nint, nint, nint, nint, int> EVP_DigestVerifyInit =
        (delegate* unmanaged<nint, nint, nint, nint, nint, int>)LibcryptoLibrary.FindExport("EVP_DigestVerifyInit");

    /// <summary>
    /// int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs, size_t tbslen)
    /// </summary>
    public static readonly delegate* unmanaged<nint, byte*, nuint, byte*, nuint, int> EVP_DigestVerify =
        (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, int>)LibcryptoLibrary.FindExport("EVP_DigestVerify");

    /// <summary>void ERR_clear_error(void), of <c>openssl/err.h</c></summary>
    public static readonly delegate* unmanaged<void> ERR_clear_error =
        (delegate* unmanaged<void>)LibcryptoLibrary.FindExport("ERR_clear_error");

    /// <summary>Whether all of these functions are there.</summary>
    public static readonly bool IsAvailable =
        EVP_PKEY_new_raw_public_key != null && EVP_PKEY_free != null && EVP_MD_CTX_new != null && EVP_MD_CTX_free != null
        && EVP_DigestVerifyInit != null && EVP_DigestVerify != null && ERR_clear_error != null;
}
