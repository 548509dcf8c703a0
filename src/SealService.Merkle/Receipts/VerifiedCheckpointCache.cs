using System.Diagnostics.CodeAnalysis;

namespace SealService.Merkle;

/// <summary>
/// Checkpoints whose signature verified, by the SHA-256 of their note. Only such enter, so nobody without a trusted key can push
/// others out. When it is full the oldest goes. Safe for use by several threads.
/// </summary>
internal sealed class VerifiedCheckpointCache
{
    private readonly Lock _lock = new();
    private readonly int _capacity;

    // Both guarded by _lock, with the same keys; the queue is in order of age.
    private readonly Dictionary<MerkleHash, ExaminedCheckpoint> _byNoteHash = [];
    private readonly Queue<MerkleHash> _byAge = [];

    public VerifiedCheckpointCache(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _capacity = capacity;
    }

    public bool TryGet(in MerkleHash noteHash, [NotNullWhen(true)] out ExaminedCheckpoint? checkpoint)
    {
        lock (_lock)
        {
            return _byNoteHash.TryGetValue(noteHash, out checkpoint);
        }
    }

    public void Add(in MerkleHash noteHash, ExaminedCheckpoint checkpoint)
    {
        lock (_lock)
        {
            if (_capacity == 0 || !_byNoteHash.TryAdd(noteHash, checkpoint))
            {
                return;
            }

            _byAge.Enqueue(noteHash);
            if (_byAge.Count > _capacity)
            {
                _byNoteHash.Remove(_byAge.Dequeue());
            }
        }
    }
}
