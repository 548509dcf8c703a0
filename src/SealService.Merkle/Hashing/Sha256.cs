using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using SealService.Merkle.Interop;
using static SealService.Merkle.Interop.LibcryptoSha;

namespace SealService.Merkle;

/// <summary>
/// SHA-256 of bytes that lie in one piece, on libcrypto's low-level functions with the context on the stack: no
/// allocation, native or managed. Without libcrypto it is .NET's own.
/// </summary>
public static class Sha256
{
    /// <summary>The size of a digest in bytes.</summary>
    public const int DigestSize = 32;

    /// <summary>Hashes <paramref name="source"/> into the first 32 bytes of <paramref name="destination"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="destination"/> is shorter than 32 bytes.</exception>
    [SkipLocalsInit]
    public static unsafe void HashData(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, DigestSize, nameof(destination));
        if (!LibcryptoSha.IsAvailable)
        {
            SHA256.HashData(source, destination);
            return;
        }

        SHA256_CTX context;
        fixed (byte* input = source, output = destination)
        {
            ThrowUnless(SHA256_Init(&context));
            Update(&context, input, source.Length);
            ThrowUnless(SHA256_Final(output, &context));
        }
    }

    /// <summary>Hashes <paramref name="source"/>.</summary>
    public static MerkleHash HashData(ReadOnlySpan<byte> source)
    {
        MerkleHash hash = default;
        HashData(source, MerkleHash.AsBytes(new Span<MerkleHash>(ref hash)));
        return hash;
    }

    internal static unsafe void Update(SHA256_CTX* context, byte* input, int length)
    {
        int ok = length <= WithoutTransitionBytesMax
            ? SHA256_Update_WithoutTransition(context, input, (nuint)length)
            : SHA256_Update(context, input, (nuint)length);
        ThrowUnless(ok);
    }

    internal static void ThrowUnless(int ok)
    {
        if (ok != 1)
        {
            ThrowFailed();
        }
    }

    [DoesNotReturn]
    private static void ThrowFailed() => throw new CryptographicException("libcrypto's SHA-256 failed.");
}
