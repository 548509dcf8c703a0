using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived;

/// <summary>Reads entries from the records, with a cache of those that were read lately. Safe from any thread.</summary>
internal sealed class RecordReader(ILedgerStorage storage, BatchDirectory batches, int cacheBytesMax)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, LinkedListNode<(long Address, EntryBundle Bundle)>> _cached = []; // guarded by _lock
    private readonly LinkedList<(long Address, EntryBundle Bundle)> _byUse = new(); // the latest first; guarded by _lock
    private long _cachedBytes; // guarded by _lock

    /// <summary>All entries of the record that holds an indexed entry.</summary>
    /// <exception cref="LedgerDamagedException">The record is not what was written.</exception>
    public async ValueTask<EntryBundle> ReadBundleAsync(long index, CancellationToken cancellationToken)
    {
        (long firstIndex, long address) = batches.Find(index);
        if (TryGetCached(address) is not { } bundle)
        {
            byte[] bytes = await storage.ReadAsync(address, cancellationToken);
            if (!RecordCodec.TryRead(bytes, out LedgerRecord record, out string? error))
            {
                throw new LedgerDamagedException($"The record at {storage.Describe(address)} is damaged: {error}.");
            }

            bundle = new EntryBundle(record.FirstIndex, record.Count, record.Entries);
            Cache(address, bundle);
        }

        return bundle.FirstIndex == firstIndex && index < firstIndex + bundle.Count
            ? bundle
            : throw new LedgerDamagedException($"The record at {storage.Describe(address)} does not hold entry {index}.");
    }

    public async ValueTask<ReadOnlyMemory<byte>> ReadEntryAsync(long index, CancellationToken cancellationToken)
    {
        EntryBundle bundle = await ReadBundleAsync(index, cancellationToken);
        return bundle[(int)(index - bundle.FirstIndex)];
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
