using System.Runtime.InteropServices;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>
/// A document to seal and what is said about it. Its content is opened when it is sent, and once more each time that it has
/// to be sent again, so that nothing is kept in memory while an answer is awaited.
/// </summary>
public sealed record DocumentToSeal
{
    private readonly Func<Stream>? _open;
    private readonly ReadOnlyMemory<byte> _bytes;

    private DocumentToSeal(string name, Func<Stream>? open, ReadOnlyMemory<byte> bytes)
    {
        Name = name;
        _open = open;
        _bytes = bytes;
    }

    /// <summary>What the caller calls the document, a path for instance; it is not sent.</summary>
    public string Name { get; init; }

    /// <summary>
    /// Makes sealing safe to repeat (DocumentHeader.idempotency_key), up to 128 bytes. Null: derived by
    /// <see cref="DeriveIdempotencyKey"/>, or else a random one that holds for this run.
    /// </summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>
    /// Makes the idempotency key from the document's SHA-256. A document that is too big for one message is then read twice,
    /// because the key leaves before the content.
    /// </summary>
    public Func<MerkleHash, string>? DeriveIdempotencyKey { get; init; }

    /// <summary>The identifier to find the entry by, up to 128 bytes. It is stored in clear for ever: nothing personal.</summary>
    public string DocumentId { get; init; } = "";

    /// <summary>SHA-256(32 random bytes || metadata) of metadata that the caller keeps: 32 bytes, or empty.</summary>
    public ReadOnlyMemory<byte> MetadataCommitment { get; init; }

    /// <summary>The SHA-256 that the document must have; null for no check. A document with another one is not sealed.</summary>
    public MerkleHash? ExpectedDigest { get; init; }

    /// <summary>Anything of the caller's own, to know the document's result by; it is not sent.</summary>
    public object? Tag { get; init; }

    /// <summary>A file, read when its turn comes.</summary>
    public static DocumentToSeal FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path, () => OpenFile(path), default);
    }

    /// <summary>A document in memory, which must not be changed before its result is there.</summary>
    public static DocumentToSeal FromBytes(string name, ReadOnlyMemory<byte> content) => new(name, null, content);

    /// <summary>A document from anywhere: <paramref name="open"/> gives its content from the start, each time that it is called.</summary>
    public static DocumentToSeal FromStream(string name, Func<Stream> open)
    {
        ArgumentNullException.ThrowIfNull(open);
        return new(name, open, default);
    }

    /// <summary>The content when it is in memory already.</summary>
    internal bool TryGetBytes(out ReadOnlyMemory<byte> bytes)
    {
        bytes = _bytes;
        return _open is null;
    }

    internal Stream OpenContent() => _open is not null ? _open()
        : MemoryMarshal.TryGetArray(_bytes, out var array) && array.Array is not null
            ? new MemoryStream(array.Array, array.Offset, array.Count, writable: false)
            : new MemoryStream(_bytes.ToArray(), writable: false);

    /// <summary>
    /// Unbuffered, because whole blocks are read; without a lock, because what was read is what is hashed and sealed, whoever
    /// else has the file open.
    /// </summary>
    internal static FileStream OpenFile(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.None);
}
