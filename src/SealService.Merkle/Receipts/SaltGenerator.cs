using System.Buffers.Binary;
using System.Security.Cryptography;

namespace SealService.Merkle;

/// <summary>
/// The salts of one stream's entries in one batch: entry i's salt is the AES-128 encryption, in one block, of the 16-byte
/// big-endian number i under the salt key. Sixteen bytes of key thus give the salts of all n entries. Reusable by
/// <see cref="Rekey(ReadOnlySpan{byte})"/>; for one thread at a time.
/// </summary>
public sealed class SaltGenerator : IDisposable
{
    /// <summary>The size of a salt key in bytes.</summary>
    public const int KeyBytes = 16;

    /// <summary>The size of a salt in bytes.</summary>
    public const int SaltBytes = LogEntry.SaltBytes;

    // A call of the platform's AES costs about as much as 1,000 blocks of it, so salts are made in runs.
    private const int RunLength = 256;

    private readonly Aes _aes = Aes.Create();
    private readonly byte[] _run = new byte[RunLength * SaltBytes];
    private long _runStart = -1;

    /// <summary>Creates a generator with a random key.</summary>
    public SaltGenerator() => Rekey();

    /// <summary>Creates a generator with a key that was received.</summary>
    /// <exception cref="ArgumentException">The key has not 16 bytes.</exception>
    public SaltGenerator(ReadOnlySpan<byte> key) => Rekey(key);

    /// <summary>Takes a new random key.</summary>
    public void Rekey()
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        RandomNumberGenerator.Fill(key);
        Rekey(key);
    }

    /// <summary>Takes a new key.</summary>
    /// <exception cref="ArgumentException">The key has not 16 bytes.</exception>
    public void Rekey(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyBytes)
        {
            throw new ArgumentException("A salt key has 16 bytes.", nameof(key));
        }

        _aes.SetKey(key);
        _runStart = -1;
    }

    /// <summary>The key, to be sent in <c>CompactReceipts.salt_key</c>.</summary>
    public byte[] GetKey() => _aes.Key;

    /// <summary>The salt of entry <paramref name="number"/>, from 0; valid until the next call.</summary>
    public ReadOnlySpan<byte> GetSalt(long number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        long runStart = number - (number % RunLength);
        if (runStart != _runStart)
        {
            Generate(runStart, _run);
            _runStart = runStart;
        }

        return _run.AsSpan((int)(number - runStart) * SaltBytes, SaltBytes);
    }

    /// <summary>Writes the salts of consecutive entries, 16 bytes each.</summary>
    /// <param name="first">The number of the first entry.</param>
    /// <param name="destination">A multiple of 16 bytes.</param>
    public void Generate(long first, Span<byte> destination)
    {
        if (destination.Length % SaltBytes != 0)
        {
            throw new ArgumentException("Salts have 16 bytes each.", nameof(destination));
        }

        for (int offset = 0; offset < destination.Length; offset += SaltBytes, first++)
        {
            destination.Slice(offset, SaltBytes - sizeof(long)).Clear();
            BinaryPrimitives.WriteInt64BigEndian(destination.Slice(offset + SaltBytes - sizeof(long)), first);
        }

        int written = _aes.EncryptEcb(destination, destination, PaddingMode.None);
        if (written != destination.Length)
        {
            throw new CryptographicException("AES gave another number of blocks than it was given.");
        }
    }

    /// <summary>Clears the key and the salts.</summary>
    public void Dispose()
    {
        _aes.Dispose();
        CryptographicOperations.ZeroMemory(_run);
    }
}
