using System.Buffers;
using System.Security.Cryptography;
using SealService.Merkle.Interop;
using static SealService.Merkle.Interop.LibcryptoSha;

namespace SealService.Merkle;

/// <summary>
/// SHA-256 of bytes that come in pieces. Reusable: <see cref="Finish(Span{byte})"/> leaves it ready for the next document, and
/// no document allocates. Not for use by several threads at a time.
/// </summary>
public sealed class Sha256Incremental : IDisposable
{
    // Plain memory; pinned only while libcrypto reads or writes it.
    private SHA256_CTX _context;
    private readonly IncrementalHash? _fallback;

    /// <summary>Creates a hash that has seen no bytes.</summary>
    public Sha256Incremental()
        : this(LibcryptoSha.IsAvailable)
    {
    }

    internal Sha256Incremental(bool useLibcrypto)
    {
        if (!useLibcrypto)
        {
            _fallback = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }

        Reset();
    }

    /// <summary>Forgets what was appended.</summary>
    public unsafe void Reset()
    {
        if (_fallback is not null)
        {
            Span<byte> ignored = stackalloc byte[Sha256.DigestSize];
            _fallback.GetHashAndReset(ignored);
            return;
        }

        fixed (SHA256_CTX* context = &_context)
        {
            Sha256.ThrowUnless(SHA256_Init(context));
        }
    }

    /// <summary>Appends bytes.</summary>
    public unsafe void Append(ReadOnlySpan<byte> source)
    {
        if (_fallback is not null)
        {
            _fallback.AppendData(source);
            return;
        }

        fixed (SHA256_CTX* context = &_context)
        fixed (byte* input = source)
        {
            Sha256.Update(context, input, source.Length);
        }
    }

    /// <summary>Appends bytes where they lie, segment by segment.</summary>
    public void Append(in ReadOnlySequence<byte> source)
    {
        if (source.IsSingleSegment)
        {
            Append(source.FirstSpan);
            return;
        }

        foreach (ReadOnlyMemory<byte> segment in source)
        {
            Append(segment.Span);
        }
    }

    /// <summary>Writes the digest to the first 32 bytes of <paramref name="destination"/> and starts anew.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="destination"/> is shorter than 32 bytes.</exception>
    public unsafe void Finish(Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, Sha256.DigestSize, nameof(destination));
        if (_fallback is not null)
        {
            _fallback.GetHashAndReset(destination);
            return;
        }

        fixed (SHA256_CTX* context = &_context)
        fixed (byte* output = destination)
        {
            Sha256.ThrowUnless(SHA256_Final(output, context));
            Sha256.ThrowUnless(SHA256_Init(context));
        }
    }

    /// <summary>The digest; starts anew.</summary>
    public MerkleHash Finish()
    {
        MerkleHash digest = default;
        Finish(MerkleHash.AsBytes(new Span<MerkleHash>(ref digest)));
        return digest;
    }

    /// <summary>Frees the fallback's native state; with libcrypto there is nothing to free.</summary>
    public void Dispose() => _fallback?.Dispose();
}
