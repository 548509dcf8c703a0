using System.Runtime.InteropServices;

#pragma warning disable IDE1006, CA1707 // native names kept

namespace SealService.Merkle.Interop;

/// <summary>
/// <c>openssl/sha.h</c>: the low-level SHA-256. Its context is plain memory, so a hash needs no native allocation; the
/// EVP interface that .NET uses fetches and allocates, some 600 ns a hash more.
/// </summary>
internal static unsafe class LibcryptoSha
{
    /// <summary>
    /// An input up to this size is hashed in well under a microsecond, so a call that the garbage collector has to wait
    /// for is harmless; above it the calls with a GC transition are used.
    /// </summary>
    public const int WithoutTransitionBytesMax = 512;

    /// <summary>int SHA256_Init(SHA256_CTX *c)</summary>
    public static readonly delegate* unmanaged[SuppressGCTransition]<SHA256_CTX*, int> SHA256_Init =
        (delegate* unmanaged[SuppressGCTransition]<SHA256_CTX*, int>)LibcryptoLibrary.FindExport("SHA256_Init");

    /// <summary>int SHA256_Update(SHA256_CTX *c, const void *data, size_t len)</summary>
    public static readonly delegate* unmanaged<SHA256_CTX*, byte*, nuint, int> SHA256_Update =
        (delegate* unmanaged<SHA256_CTX*, byte*, nuint, int>)LibcryptoLibrary.FindExport("SHA256_Update");

    /// <summary>The same function, for inputs up to <see cref="WithoutTransitionBytesMax"/>.</summary>
    public static readonly delegate* unmanaged[SuppressGCTransition]<SHA256_CTX*, byte*, nuint, int> SHA256_Update_WithoutTransition =
        (delegate* unmanaged[SuppressGCTransition]<SHA256_CTX*, byte*, nuint, int>)LibcryptoLibrary.FindExport("SHA256_Update");

    /// <summary>int SHA256_Final(unsigned char *md, SHA256_CTX *c)</summary>
    public static readonly delegate* unmanaged[SuppressGCTransition]<byte*, SHA256_CTX*, int> SHA256_Final =
        (delegate* unmanaged[SuppressGCTransition]<byte*, SHA256_CTX*, int>)LibcryptoLibrary.FindExport("SHA256_Final");

    /// <summary>Whether all of these functions are there; a build of OpenSSL without deprecated functions has none.</summary>
    public static readonly bool IsAvailable = SHA256_Init != null && SHA256_Update != null && SHA256_Final != null;

    /// <summary>h[8], Nl, Nh, data[16], num, md_len: 28 words.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SHA256_CTX
    {
        public fixed uint Words[28];
    }
}
