using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived;

/// <summary>Reads entries from the records, with a cache of those that were read lately. Safe from any thread.</summary>
internal sealed class RecordReader(ILedgerStorage storage, BatchDirectory batches, int cacheBytesMax, int readsMax) : IDisposable
{
    private readonly SemaphoreSlim _reads = new(readsMax, readsMax); // each holds a whole record in memory
    private readonly Lock _lock = new();
    private readonly Dictionary<long, LinkedListNode<(long Address, EntryBundle Bundle)>> _cached = []; // guarded by _lock
    private readonly LinkedList<(long Address, EntryBundle Bundle)> _byUse = new(); // the latest first; guarded by _lock
    private long _cachedBytes; // guarded by _lock

    /// <summary>All entries of the record that holds an indexed entry.</summary>
    /// <exception cref="LedgerDamagedException">The record is not what was written.</exception>
    public async ValueTask<EntryBundle> ReadBundleAsync(long index, CancellationToken cancellationToken)
    {
        (long firstIndex, long address) = batches.Find(index);
        EntryBundle bundle = TryGetCached(address) ?? await ReadRecordAsync(address, cancellationToken);
        return bundle.FirstIndex == firstIndex && index < firstIndex + bundle.Count
            ? bundle
            : throw new LedgerDamagedException($"The record at {storage.Describe(address)} does not hold entry {index}.");
    }

    /// <summary>One entry; a copy, because a view would keep a record of megabytes for some hundred bytes.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadEntryAsync(long index, CancellationToken cancellationToken)
    {
        EntryBundle bundle = await ReadBundleAsync(index, cancellationToken);
        return bundle[(int)(index - bundle.FirstIndex)].ToArray();
    }

    public void Dispose() => _reads.Dispose();

    private async ValueTask<EntryBundle> ReadRecordAsync(long address, CancellationToken cancellationToken)
    {
        await _reads.WaitAsync(cancellationToken);
        try
        {
            // Somebody else may have read it meanwhile.
            if (TryGetCached(address) is { } cached)
            {
                return cached;
            }

            byte[] bytes = await storage.ReadAsync(address, cancellationToken);
            if (!RecordCodec.TryRead(bytes, out LedgerRecord record, out string? error))
            {
                throw new LedgerDamagedException($"The record at {storage.Describe(address)} is damaged: {error}.");
            }

            EntryBundle bundle = new(record.FirstIndex, record.Count, record.Entries);
            Cache(address, bundle);
            return bundle;
        }
        finally
        {
            _reads.Release();
        }
    }

    private EntryBundle? TryGetCached(long address)
    {
        lock (_lock)
        {
            if (!_cached.TryGetValue(address, out LinkedListNode<(long Address, EntryBundle Bundle)>? node))
            {
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.Bundle;
        }
    }

    private void Cache(long address, EntryBundle bundle)
    {
        lock (_lock)
        {
            if (bundle.SizeBytes > cacheBytesMax || !_cached.TryAdd(address, new((address, bundle))))
            {
                return;
            }

            _byUse.AddFirst(_cached[address]);
            _cachedBytes += bundle.SizeBytes;
            while (_cachedBytes > cacheBytesMax)
            {
                (long oldest, EntryBundle dropped) = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _cached.Remove(oldest);
                _cachedBytes -= dropped.SizeBytes;
            }
        }
    }
}
