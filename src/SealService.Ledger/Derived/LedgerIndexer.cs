using Microsoft.Extensions.Logging;
using SealService.Ledger.Sequencing;

namespace SealService.Ledger.Derived;

/// <summary>
/// Applies batches to the derived data behind the acknowledgement: one consumer, in order. When it falls behind, sealing
/// waits for it.
/// </summary>
internal sealed class LedgerIndexer
{
    private readonly DerivedData _derived;
    private readonly LedgerOptions _options;
    private readonly LedgerFault _fault;
    private readonly ILogger _logger;
    private readonly IndexBacklog _backlog;
    private readonly Watermark _indexed;

    public LedgerIndexer(DerivedData derived, LedgerOptions options, LedgerFault fault, ILogger logger)
    {
        _derived = derived;
        _options = options;
        _fault = fault;
        _logger = logger;
        _indexed = new Watermark(derived.TreeSize);
        _backlog = new IndexBacklog(options.BytesAwaitingIndexMax);
    }

    /// <summary>Applies one batch; on start, before <see cref="RunAsync"/>. Disposes of it.</summary>
    public void Apply(SealedBatch batch)
    {
        using (batch)
        {
            _derived.Apply(batch);

            // Now the index holds the keys; a claim that is made from here on finds them there.
            foreach (Claim claim in batch.Claims)
            {
                claim.Forget();
            }

            _indexed.AdvanceTo(_derived.TreeSize);
            if (_derived.TreeSize - _derived.SnapshotSize >= _options.EntriesPerSnapshot)
            {
                _derived.WriteSnapshot();
                LedgerLog.SnapshotWritten(_logger, _derived.TreeSize);
            }
        }
    }

    /// <inheritdoc cref="IndexBacklog.AddAsync"/>
    public ValueTask EnqueueAsync(SealedBatch batch) => _backlog.AddAsync(batch);

    /// <summary>Waits until the entries below an index are in the derived data.</summary>
    public ValueTask WaitForIndexedAsync(long treeSize, CancellationToken cancellationToken) =>
        _indexed.WaitForMoreThanAsync(treeSize - 1, cancellationToken);

    /// <summary>Takes no more batches; the run ends with a snapshot when the queue is empty.</summary>
    public void Complete() => _backlog.Complete();

    /// <summary>
    /// Runs until completed, on a thread of its own: it blocks for as long as files take, and the pool's threads are few. The task never
    /// fails.
    /// </summary>
    public Task RunAsync() => Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run()
    {
        try
        {
            while (_backlog.TryTake(out SealedBatch? batch))
            {
                long heldBytes = batch.HeldBytes;
                Apply(batch);
                _backlog.Applied(heldBytes);
            }

            _derived.Lookup.Merging.GetAwaiter().GetResult();
        }
#pragma warning disable CA1031 // idempotency rests on the index: without it nothing may be accepted
        catch (Exception exception)
        {
            _backlog.Fail(exception);
            _fault.Raise(exception);
        }
#pragma warning restore CA1031

        WriteLastSnapshot();

        // A merge that the last flush began must not run into the next open. How it ends does not matter: its sources stay.
        _derived.Lookup.Merging.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        _indexed.End(new LedgerException("The ledger has stopped.", _fault.Exception));
    }

    private void WriteLastSnapshot()
    {
        if (_fault.Exception is not null || _derived.TreeSize == _derived.SnapshotSize)
        {
            return;
        }

        try
        {
            _derived.WriteSnapshot();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            LedgerLog.SnapshotFailed(_logger, exception);
        }
    }
}
