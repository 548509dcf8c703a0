using System.Buffers.Binary;
using SealService.Ledger.Storage;

namespace SealService.Ledger;

/// <summary>Consecutive entries of the ledger. Immutable.</summary>
public sealed class EntryBundle
{
    private readonly ReadOnlyMemory<byte> _bundle; // (u16be length, entry) repeated
    private readonly int[] _ends; // of each entry of the record, where it ends in the bundle
    private readonly int _first;

    internal EntryBundle(long firstIndex, int count, ReadOnlyMemory<byte> bundle)
    {
        FirstIndex = firstIndex;
        Count = count;
        _bundle = bundle;
        _ends = new int[count];
        int end = 0;
        for (int i = 0; i < count; i++)
        {
            end += RecordCodec.EntryPrefixBytes + BinaryPrimitives.ReadUInt16BigEndian(bundle.Span[end..]);
            _ends[i] = end;
        }
    }

    private EntryBundle(EntryBundle whole, int first, int count)
    {
        FirstIndex = whole.FirstIndex + first;
        Count = count;
        _bundle = whole._bundle;
        _ends = whole._ends;
        _first = whole._first + first;
    }

    /// <summary>The index of the first entry; the others follow by one.</summary>
    public long FirstIndex { get; }

    /// <summary>The number of entries.</summary>
    public int Count { get; }

    /// <summary>The entries as a tlog-tiles entry bundle: u16be length and bytes, repeated.</summary>
    public ReadOnlyMemory<byte> Bytes => _bundle[Begin(0)..Begin(Count)];

    internal int SizeBytes => _bundle.Length + (_ends.Length * sizeof(int));

    /// <summary>The entry at a position, from 0: LogEntry bytes, verbatim.</summary>
    public ReadOnlyMemory<byte> this[int position]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)Count, nameof(position));
            return _bundle[(Begin(position) + RecordCodec.EntryPrefixBytes)..Begin(position + 1)];
        }
    }

    internal EntryBundle Slice(int first, int count) => new(this, first, count);

    private int Begin(int position) => _first + position == 0 ? 0 : _ends[_first + position - 1];
}
