using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// Finds entries by key: the newest keys in a table in memory, all others in sorted runs on disk, which are merged eight at a
/// time. One thread adds, any number search.
/// </summary>
/// <remarks>
/// Not a FasterKV: its hash table has a fixed size, so it either wastes memory or grows long chains on disk; it answers with
/// the newest value only, where a page of older ones is asked for; and its checkpoints would have to be kept in step with the
/// ledger. Runs are immutable and named for the entries they cover, so there is nothing to keep in step: what is missing is
/// added again, what is there twice is skipped.
/// </remarks>
internal sealed class LookupIndex
{
    private readonly string _folder;
    private readonly int _keysInMemoryMax;
    private readonly KeySorter _sorter; // owned by the adding thread
    private readonly Lock _runsLock = new();
    private volatile State _state; // replaced as a whole, under _runsLock
    private Task _merging = Task.CompletedTask; // owned by the adding thread
    private KeyTable? _retired; // the table before this one, to be used again; owned by the adding thread
    private long _tableFirst; // owned by the adding thread

    private LookupIndex(string folder, KeyFingerprints fingerprints, int keysInMemoryMax, SortedRun[] runs)
    {
        _folder = folder;
        Fingerprints = fingerprints;
        _keysInMemoryMax = keysInMemoryMax;
        _sorter = new KeySorter(keysInMemoryMax);
        _state = new State(runs, new KeyTable(keysInMemoryMax));
        _tableFirst = runs.Length == 0 ? 0 : runs[^1].Header.EndIndex;
    }

    /// <summary>What the index is asked by in place of keys.</summary>
    public KeyFingerprints Fingerprints { get; }

    /// <summary>Completes with an exception when a merge failed.</summary>
    public Task Merging => _merging;

    /// <summary>Entries below this index are in runs and need not be added again.</summary>
    public long RunsEnd => _tableFirst;

    /// <exception cref="DerivedDataException">Runs are damaged, or there are gaps between them.</exception>
    public static LookupIndex Open(string folder, int keysInMemoryMax)
    {
        Directory.CreateDirectory(folder);
        foreach (string unfinished in Directory.EnumerateFiles(folder, "*.new"))
        {
            File.Delete(unfinished);
        }

        List<SortedRun> runs = [];
        long end = 0;

        // A merged run comes before those that it was made of, which a crash may have left.
        foreach (SortedRun run in Directory.EnumerateFiles(folder, "run.*").Select(SortedRun.Open)
            .OrderBy(run => run.Header.FirstIndex).ThenByDescending(run => run.Header.EndIndex))
        {
            if (run.Header.FirstIndex == end)
            {
                runs.Add(run);
                end = run.Header.EndIndex;
            }
            else if (run.Header.EndIndex <= end)
            {
                File.Delete(run.Path);
            }
            else
            {
                throw new DerivedDataException($"{run.Path} does not continue at index {end}");
            }
        }

        KeyFingerprints fingerprints = runs.Count == 0 ? KeyFingerprints.Create(folder) : KeyFingerprints.Open(folder);
        return new LookupIndex(folder, fingerprints, keysInMemoryMax, [.. runs]);
    }

    /// <summary>
    /// Adds all keys of some entries, one after another; indexes never go down, and after <see cref="Flush"/> they are at least its end. When the
    /// table is full it becomes a run, which ends between entries, so that its name says what it covers.
    /// </summary>
    public void Add(ReadOnlySpan<KeyPosition> keys)
    {
        while (!keys.IsEmpty)
        {
            int count = Math.Min(keys.Length, _keysInMemoryMax - _state.Table.Count);
            while (count > 0 && count < keys.Length && keys[count - 1].Index == keys[count].Index)
            {
                count--;
            }

            _state.Table.Add(keys[..count]);
            keys = keys[count..];
            if (!keys.IsEmpty)
            {
                Flush(keys[0].Index);
            }
        }
    }

    /// <summary>Writes the table as a run that covers the entries up to <paramref name="endIndex"/>.</summary>
    public void Flush(long endIndex)
    {
        if (endIndex == _tableFirst)
        {
            return;
        }

        KeyTable full = _state.Table;
        SortedRun run = SortedRunWriter.Write(_folder, _tableFirst, endIndex, full.Sort(_sorter));
        KeyTable empty = _retired is not null && _retired.TryClear() ? _retired : new KeyTable(_keysInMemoryMax);
        lock (_runsLock)
        {
            _state = new State([.. _state.Runs, run], empty);
        }

        _retired = full;
        _tableFirst = endIndex;
        if (_merging.IsCompleted)
        {
            _merging.GetAwaiter().GetResult(); // completed; a merge that failed fails the indexer here
            // Not on the pool's threads, which are few: a merge takes up to seconds.
            _merging = Task.Factory.StartNew(MergeAll, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }

    /// <summary>The indexes of entries that may have a key, below <paramref name="before"/>, the newest first.</summary>
    public List<long> Find(ulong fingerprint, long before, int max)
    {
        List<long> found = [];
        State state = EnterTable();
        try
        {
            state.Table.Collect(fingerprint, before, max, found);
        }
        finally
        {
            state.Table.Leave();
        }

        for (int i = state.Runs.Length - 1; i >= 0 && found.Count < max; i--)
        {
            state.Runs[i].Collect(fingerprint, before, max, found);
        }

        return found;
    }

    /// <summary>The state whose table has been entered: what the table no longer holds, the state's runs do.</summary>
    private State EnterTable()
    {
        while (true)
        {
            KeyTable table = _state.Table;
            table.Enter();

            // The state from before may lack runs: the table may have been taken out of use, and into use again.
            State state = _state;
            if (state.Table == table)
            {
                return state;
            }

            table.Leave();
        }
    }

    private void MergeAll()
    {
        while (FindMergeable() is { } runs)
        {
            SortedRun merged = SortedRunWriter.Merge(_folder, runs);
            lock (_runsLock)
            {
                State state = _state;
                int at = Array.IndexOf(state.Runs, runs[0]);
                _state = state with { Runs = [.. state.Runs[..at], merged, .. state.Runs[(at + runs.Length)..]] };
            }

            foreach (SortedRun run in runs)
            {
                File.Delete(run.Path);
            }

            Fsync.Directory(_folder);
        }
    }

    private SortedRun[]? FindMergeable()
    {
        SortedRun[] runs = _state.Runs;
        for (int first = 0; first + RunMerge.RunsMax <= runs.Length; first++)
        {
            uint level = runs[first].Header.Level;
            if (runs.AsSpan(first, RunMerge.RunsMax).ToArray().All(run => run.Header.Level == level))
            {
                return runs[first..(first + RunMerge.RunsMax)];
            }
        }

        return null;
    }

    private sealed record State(SortedRun[] Runs, KeyTable Table);
}
