using System.Diagnostics.CodeAnalysis;
using SealService.Ledger.Sequencing;

namespace SealService.Ledger.Derived;

/// <summary>
/// Sealed batches on their way to the indexer. Bounded by the memory that they hold and not by their number: while the indexer
/// writes a run, some ten milliseconds, many small batches are sealed. One producer, one consumer.
/// </summary>
internal sealed class IndexBacklog(long bytesMax)
{
    private readonly object _monitor = new();
    private readonly Queue<SealedBatch> _batches = new(); // guarded by _monitor
    private readonly AsyncSignal _changed = new();
    private long _bytes; // guarded by _monitor
    private bool _completed; // guarded by _monitor
    private Exception? _failure; // guarded by _monitor

    /// <summary>What the batches hold that were added and not yet applied.</summary>
    public long Bytes
    {
        get
        {
            lock (_monitor)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Adds a batch, and waits while the indexer is too far behind.</summary>
    /// <exception cref="LedgerException">The indexer has stopped.</exception>
    public async ValueTask AddAsync(SealedBatch batch)
    {
        lock (_monitor)
        {
            ThrowIfStopped();
            _bytes += batch.HeldBytes;
            _batches.Enqueue(batch);
            Monitor.Pulse(_monitor);
        }

        while (!HasRoom())
        {
            await _changed.WaitAsync();
        }
    }

    /// <summary>Blocks until there is a batch, and gives the oldest; false when all were taken and no more follow.</summary>
    public bool TryTake([NotNullWhen(true)] out SealedBatch? batch)
    {
        lock (_monitor)
        {
            while (!_batches.TryDequeue(out batch) && !_completed)
            {
                Monitor.Wait(_monitor);
            }

            return batch is not null;
        }
    }

    /// <summary>What was taken last has been applied.</summary>
    /// <param name="heldBytes">The batch's <see cref="SealedBatch.HeldBytes"/>.</param>
    public void Applied(long heldBytes)
    {
        lock (_monitor)
        {
            _bytes -= heldBytes;
        }

        _changed.Set();
    }

    /// <summary>No more batches follow.</summary>
    public void Complete()
    {
        lock (_monitor)
        {
            _completed = true;
            Monitor.Pulse(_monitor);
        }
    }

    /// <summary>No more batches are taken: the producer is told.</summary>
    public void Fail(Exception failure)
    {
        lock (_monitor)
        {
            _failure = failure;
            _completed = true;
        }

        _changed.Set();
    }

    private bool HasRoom()
    {
        lock (_monitor)
        {
            ThrowIfStopped();
            return _bytes <= bytesMax;
        }
    }

    private void ThrowIfStopped()
    {
        if (_failure is not null)
        {
            throw new LedgerException("The indexer has stopped.", _failure);
        }
    }
}
