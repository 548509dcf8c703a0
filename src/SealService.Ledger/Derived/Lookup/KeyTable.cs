using System.Numerics;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// The newest keys of the lookup index, in memory. One thread adds, any number read without a lock: entries are only ever
/// added, and each is written before the bucket that leads to it.
/// </summary>
internal sealed class KeyTable(int capacity)
{
    private readonly int[] _buckets = new int[BitOperations.RoundUpToPowerOf2((uint)capacity)]; // number of the newest entry + 1; 0: empty
    private readonly ulong[] _fingerprints = new ulong[capacity];
    private readonly long[] _indexes = new long[capacity];
    private readonly int[] _older = new int[capacity]; // as in _buckets

    public int Count { get; private set; }

    public bool IsFull => Count == capacity;

    /// <summary>Adds a key. Indexes never go down.</summary>
    public void Add(ulong fingerprint, long index)
    {
        int entry = Count;
        ref int bucket = ref _buckets[BucketOf(fingerprint)];
        _fingerprints[entry] = fingerprint;
        _indexes[entry] = index;
        _older[entry] = bucket;
        Count = entry + 1;
        Volatile.Write(ref bucket, entry + 1);
    }

    /// <summary>Adds the indexes below <paramref name="before"/> that a fingerprint has, the newest first, up to <paramref name="max"/> in the list.</summary>
    public void Collect(ulong fingerprint, long before, int max, List<long> found)
    {
        for (int entry = Volatile.Read(ref _buckets[BucketOf(fingerprint)]); entry != 0 && found.Count < max; entry = _older[entry - 1])
        {
            if (_fingerprints[entry - 1] == fingerprint && _indexes[entry - 1] < before)
            {
                found.Add(_indexes[entry - 1]);
            }
        }
    }

    /// <summary>All keys, ordered by fingerprint and then by index.</summary>
    public KeyPosition[] ToSorted()
    {
        KeyPosition[] sorted = new KeyPosition[Count];
        for (int i = 0; i < sorted.Length; i++)
        {
            sorted[i] = new KeyPosition(_fingerprints[i], _indexes[i]);
        }

        Array.Sort(sorted);
        return sorted;
    }

    // Fingerprints are bits of a SHA-256: the low ones are as good as any, and the runs are ordered by the high ones.
    private int BucketOf(ulong fingerprint) => (int)(fingerprint & (uint)(_buckets.Length - 1));
}
