using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>The keys of neighbouring runs, in order. The fingerprints that are next lie side by side in one vector.</summary>
internal sealed class RunMerge
{
    public const int RunsMax = 8; // lanes of the vector

    private readonly Source[] _sources;
    private Vector512<ulong> _next; // each source's next fingerprint; the greatest there is when it has no more keys
    private uint _live; // a bit for each source that has a key

    /// <param name="runs">The runs, the oldest first.</param>
    public RunMerge(ReadOnlySpan<SortedRun> runs)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(runs.Length, RunsMax, nameof(runs));
        _sources = new Source[runs.Length];
        _next = Vector512<ulong>.AllBitsSet;
        for (int i = 0; i < runs.Length; i++)
        {
            _sources[i] = new Source(runs[i]);
            SetNext(i);
        }
    }

    /// <summary>Takes the least key; of equal fingerprints that of the oldest run, which has the lowest indexes.</summary>
    /// <exception cref="DerivedDataException">A run's keys changed since it was opened: they would get a new checksum here.</exception>
    public bool TryTake(out KeyPosition key)
    {
        if (_live == 0)
        {
            key = default;
            return false;
        }

        Vector256<ulong> four = Vector256.Min(_next.GetLower(), _next.GetUpper());
        Vector128<ulong> two = Vector128.Min(four.GetLower(), four.GetUpper());
        Vector512<ulong> least = Vector512.Create(Math.Min(two[0], two[1]));
        int from = BitOperations.TrailingZeroCount(_live & (uint)Vector512.Equals(_next, least).ExtractMostSignificantBits());
        key = _sources[from].Take();
        SetNext(from);
        return true;
    }

    private void SetNext(int source)
    {
        bool hasKey = _sources[source].HasKey;
        ulong fingerprint = hasKey ? _sources[source].Key.Fingerprint : ulong.MaxValue;
        uint bit = 1u << source;
        _live = hasKey ? _live | bit : _live & ~bit;
        _next = Vector512.ConditionalSelect(
            Vector512.Equals(Vector512<ulong>.Indices, Vector512.Create((ulong)source)), Vector512.Create(fingerprint), _next);
    }

    /// <summary>One run that is being merged, read in pieces.</summary>
    private sealed class Source
    {
        private readonly SortedRun _run;
        private readonly KeyPosition[] _buffer = new KeyPosition[1024];
        private long _position;
        private int _count;
        private int _at;
        private uint _checksum; // of the keys that have been read

        public Source(SortedRun run)
        {
            _run = run;
            Fill();
        }

        public bool HasKey => _at < _count;

        public KeyPosition Key => _buffer[_at];

        public KeyPosition Take()
        {
            KeyPosition key = _buffer[_at++];
            if (_at == _count)
            {
                Fill();
            }

            return key;
        }

        private void Fill()
        {
            _count = _run.Read(_position, _buffer);
            _position += _count;
            _at = 0;
            _checksum = Crc32C.Append(_checksum, MemoryMarshal.AsBytes(_buffer.AsSpan(0, _count)));
            if (_count == 0 && _checksum != _run.Header.KeysChecksum)
            {
                throw new DerivedDataException($"{_run.Path} has damaged keys");
            }
        }
    }
}
