using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace SealService.Merkle;

/// <summary>
/// Checkpoints whose signature verified, by all bytes of their note: a note that differs in one byte is another. When it is full the
/// oldest goes. Safe for use by several threads; reading takes no lock.
/// </summary>
/// <remarks>
/// Whoever has no trusted key can still fill it, with a checkpoint that they were given and lines of unknown keys after it: each then costs
/// a signature check, as an unknown checkpoint does, and at most <see cref="NoteBytesMax"/> of memory.
/// </remarks>
internal sealed class VerifiedCheckpointCache
{
    /// <summary>A longer note is not remembered: a checkpoint with a dozen cosignatures has half as many bytes.</summary>
    public const int NoteBytesMax = 4096;

    private readonly int _capacity;
    private readonly ConcurrentDictionary<byte[], ExaminedCheckpoint> _byNote = new(new NoteComparer());
    private readonly ConcurrentDictionary<byte[], ExaminedCheckpoint>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    private readonly Lock _lock = new(); // held by whoever adds
    private readonly Queue<byte[]> _byAge = []; // guarded by _lock; the keys of _byNote

    public VerifiedCheckpointCache(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _capacity = capacity;
        _lookup = _byNote.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public bool TryGet(ReadOnlySpan<byte> note, [NotNullWhen(true)] out ExaminedCheckpoint? checkpoint)
    {
        checkpoint = null;
        return note.Length <= NoteBytesMax && _lookup.TryGetValue(note, out checkpoint);
    }

    public void Add(ReadOnlySpan<byte> note, ExaminedCheckpoint checkpoint)
    {
        if (_capacity == 0 || note.Length > NoteBytesMax)
        {
            return;
        }

        byte[] key = note.ToArray();
        lock (_lock)
        {
            if (!_byNote.TryAdd(key, checkpoint))
            {
                return;
            }

            _byAge.Enqueue(key);
            if (_byAge.Count > _capacity)
            {
                _byNote.TryRemove(_byAge.Dequeue(), out _);
            }
        }
    }

    // The hash only finds the note quickly; that it is the same one is said by its bytes.
    private sealed class NoteComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            HashCode hash = default;
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
