using SealService.Merkle;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// Keys on their way into the index, many at a time: the fingerprints of 32-byte keys, which is nearly all of them, are hashed side by
/// side. For one thread.
/// </summary>
internal sealed class KeyQueue(LookupIndex index)
{
    private const int KeysMax = 256;
    private const int KeysPerEntryMax = 3;
    private const int RecordBytes = 1 + MerkleHash.Size; // the kind and the key

    private readonly KeyPosition[] _keys = new KeyPosition[KeysMax];
    private readonly int[] _recordOf = new int[KeysMax]; // the key's record, or -1 when its fingerprint is known
    private readonly byte[] _records = new byte[KeysMax * RecordBytes];
    private readonly MerkleHash[] _hashes = new MerkleHash[KeysMax];
    private int _count;
    private int _recordCount;
    private long _lastEntryIndex = -1; // of the keys that were handed over

    /// <summary>Adds a key of an entry. Indexes never go down.</summary>
    public void Add(LookupKind kind, ReadOnlySpan<byte> key, long entryIndex)
    {
        if (_count == KeysMax)
        {
            Flush();
        }

        bool isRecord = key.Length == MerkleHash.Size;
        _recordOf[_count] = isRecord ? _recordCount : -1;
        _keys[_count++] = new KeyPosition(isRecord ? 0 : KeyPosition.FingerprintOf(kind, key), entryIndex);
        if (isRecord)
        {
            Span<byte> record = _records.AsSpan(_recordCount++ * RecordBytes, RecordBytes);
            record[0] = (byte)kind;
            key.CopyTo(record[1..]);
        }
    }

    /// <summary>Hands over what was added.</summary>
    public void Flush()
    {
        Sha256.HashRecords(_records.AsSpan(0, _recordCount * RecordBytes), RecordBytes, _hashes.AsSpan(0, _recordCount));
        for (int i = 0; i < _count; i++)
        {
            (ulong fingerprint, long entryIndex) = _keys[i];
            if (entryIndex != _lastEntryIndex)
            {
                index.MakeRoom(entryIndex, KeysPerEntryMax); // between entries, never between the keys of one
                _lastEntryIndex = entryIndex;
            }

            index.Add(_recordOf[i] < 0 ? fingerprint : KeyPosition.FingerprintOf(_hashes[_recordOf[i]]), entryIndex);
        }

        _count = 0;
        _recordCount = 0;
    }
}
