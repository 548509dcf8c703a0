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

    private int _readers; // interlocked

    public int Count { get; private set; }

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

    /// <summary>
    /// Adds the indexes below <paramref name="before"/> that a fingerprint has, the newest first, up to <paramref name="max"/> in
    /// the list.
    /// </summary>
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

    /// <summary>Keeps the table from being used again while it is read; for a reader, who then looks whether it is still in use.</summary>
    public void Enter() => Interlocked.Increment(ref _readers);

    public void Leave() => Interlocked.Decrement(ref _readers);

    /// <summary>
    /// Empties the table so that it can be used again. It must have been taken out of use: a reader who enters later sees
    /// that it was. False, and nothing done, while somebody reads it.
    /// </summary>
    public bool TryClear()
    {
        // With the readers' increment a full fence on both sides: either they are seen here, or they see the change.
        if (Interlocked.CompareExchange(ref _readers, 0, 0) != 0)
        {
            return false;
        }

        Array.Clear(_buckets);
        Count = 0;
        return true;
    }

    /// <summary>All keys, ordered by fingerprint and then by index.</summary>
    public ReadOnlySpan<KeyPosition> Sort(KeySorter sorter) => sorter.Sort(_fingerprints.AsSpan(0, Count), _indexes.AsSpan(0, Count));

    // Fingerprints are bits of a SHA-256: the low ones are as good as any, and the runs are ordered by the high ones.
    private int BucketOf(ulong fingerprint) => (int)(fingerprint & (uint)(_buckets.Length - 1));
}
