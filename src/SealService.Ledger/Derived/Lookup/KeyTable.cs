using System.Numerics;
using System.Runtime.InteropServices;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// The newest keys of the lookup index, in memory. One thread adds, any number read without a lock: entries are only ever
/// added, and each is written before the bucket that leads to it.
/// </summary>
internal sealed class KeyTable(int capacity)
{
    private readonly int[] _buckets = new int[BitOperations.RoundUpToPowerOf2((uint)capacity)]; // number of the newest entry + 1; 0: empty
    private readonly Entry[] _entries = new Entry[capacity];

    private long _firstIndex; // of the first key
    private int _readers; // interlocked

    public int Count { get; private set; }

    /// <summary>Adds keys that there is room for; their indexes never go down.</summary>
    public void Add(ReadOnlySpan<KeyPosition> keys)
    {
        if (Count == 0 && !keys.IsEmpty)
        {
            _firstIndex = keys[0].Index;
        }

        // Nothing else in this loop: nearly each bucket is a cache miss, and so the processor waits for many at a time.
        Span<Entry> entries = _entries.AsSpan(Count, keys.Length);
        int number = Count;
        for (int i = 0; i < keys.Length; i++)
        {
            ref int bucket = ref _buckets[BucketOf(keys[i].Fingerprint)];
            entries[i] = new Entry(keys[i].Fingerprint, checked((uint)(keys[i].Index - _firstIndex)), bucket);
            Volatile.Write(ref bucket, ++number);
        }

        Count = number;
    }

    /// <summary>
    /// Adds the indexes below <paramref name="before"/> that a fingerprint has, the newest first, up to <paramref name="max"/> in
    /// the list.
    /// </summary>
    public void Collect(ulong fingerprint, long before, int max, List<long> found)
    {
        for (int entry = Volatile.Read(ref _buckets[BucketOf(fingerprint)]); entry != 0 && found.Count < max; entry = _entries[entry - 1].Older)
        {
            ref readonly Entry candidate = ref _entries[entry - 1];
            long index = _firstIndex + candidate.Offset;
            if (candidate.Fingerprint == fingerprint && index < before)
            {
                found.Add(index);
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

    /// <summary>All keys, ordered by fingerprint and then by index; valid until the sorter sorts again.</summary>
    public ReadOnlySpan<KeyPosition> Sort(KeySorter sorter) => sorter.Sort(_entries.AsSpan(0, Count), _firstIndex);

    // Fingerprints are spread evenly: the low bits are as good as any, and the runs are ordered by the high ones.
    private int BucketOf(ulong fingerprint) => (int)(fingerprint & (uint)(_buckets.Length - 1));

    /// <summary>One key, in a quarter of a cache line.</summary>
    /// <param name="Fingerprint">Its fingerprint.</param>
    /// <param name="Offset">Its index, from the table's first on: each index has a key, so they are as dense as the table is small.</param>
    /// <param name="Older">The next older entry of its bucket, as in the buckets.</param>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Entry(ulong Fingerprint, uint Offset, int Older);
}
