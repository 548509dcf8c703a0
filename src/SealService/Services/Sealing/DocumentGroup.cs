using System.Buffers;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services.Sealing;

/// <summary>
/// Whole documents of one stream that arrived together: hashed side by side where they lie in the transport's buffers, then sealed in
/// their order. Nothing waits for a group to fill: it is sealed when it is full, or when there is no further message here.
/// </summary>
internal sealed class DocumentGroup : IDisposable
{
    /// <summary>Above this size hashing takes longer than the ledger should wait for a visitor (some 10 µs).</summary>
    private const int LongHashBytesMin = 32 * 1024;

    private readonly Sha256Group _hashes = new();
    private readonly Document[] _documents = new Document[Sha256Group.MessagesMax];
    private readonly MerkleHash[] _digests = new MerkleHash[Sha256Group.MessagesMax];
    private int _count;

    public bool IsEmpty => _count == 0;

    public bool IsFull => _count == _documents.Length;

    /// <summary>The next document's fields, to be read into before it is added; of the group, to be used again.</summary>
    public DocumentFields NextFields
    {
        get
        {
            var fields = _documents[_count].Fields ??= new DocumentFields();
            fields.Reset();
            return fields;
        }
    }

    /// <summary>Adds a document with <see cref="NextFields"/>; there is room.</summary>
    /// <param name="reference">The client's name for it.</param>
    /// <param name="content">Its bytes, which stay where they are until the group is sealed.</param>
    public void Add(ulong reference, in ReadOnlySequence<byte> content)
    {
        ref var document = ref _documents[_count++];
        document.Reference = reference;
        document.SizeBytes = content.Length;
        _hashes.Add(content);
    }

    /// <summary>Hashes and seals what was added, and empties the group.</summary>
    public ValueTask SealAsync(SealingStream stream)
    {
        if (_hashes.Bytes > LongHashBytesMin)
        {
            stream.Pause();
        }

        _hashes.Finish(_digests);
        return SealFrom(stream, position: 0);
    }

    public void Dispose() => _hashes.Dispose();

    private ValueTask SealFrom(SealingStream stream, int position)
    {
        for (; position < _count; position++)
        {
            ref var document = ref _documents[position];
            var sealing = stream.SealAsync(document.Reference, EntryKind.Document, _digests[position], document.SizeBytes, document.Fields!);
            if (!sealing.IsCompletedSuccessfully)
            {
                return ContinueAsync(sealing, stream, position + 1);
            }
        }

        _count = 0;
        return default;
    }

    private async ValueTask ContinueAsync(ValueTask sealing, SealingStream stream, int position)
    {
        await sealing;
        await SealFrom(stream, position);
    }

    private struct Document
    {
        public DocumentFields? Fields;
        public ulong Reference;
        public long SizeBytes;
    }
}
