using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// The way into the ledger for callers with one document each: they share a <see cref="LedgerWriter"/>, and so in each batch one segment,
/// with one salt key, one check against the signed root and one tree for all their receipts. A receipt has no salt but its own entry's, and
/// the key is given to nobody.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Callers may come at any time; a semaphore without a wait handle holds nothing but memory.")]
internal sealed class SharedWriter
{
    private static readonly SealOutcome Closed =
        SealOutcome.Failed(new LedgerFailure(LedgerError.Closing, "The ledger takes no more documents: the server is stopping. The document was not sealed."));

    private readonly LedgerWriter _writer;
    private readonly SemaphoreSlim _turn = new(1, 1); // whoever has it is the writer's producer
    private readonly ConcurrentQueue<WaitingDocument> _added = new(); // not yet settled, in the order of their entries
    private readonly LedgerFault _fault;
    private readonly Task _settling;
    private ulong _addedCount; // owned by whoever has the turn
    private ulong _settledCount; // owned by the settling loop

    public SharedWriter(LedgerWriter writer, LedgerFault fault)
    {
        _writer = writer;
        _fault = fault;
        _settling = SettleAsync();
    }

    /// <summary>Adds the document, as soon as a batch has room, and waits until it is settled.</summary>
    /// <exception cref="ArgumentException">As for <see cref="LedgerWriter.TryAdd"/>.</exception>
    /// <exception cref="OperationCanceledException">The caller waits no more; the document may be sealed all the same.</exception>
    public async ValueTask<SealOutcome> SealAsync(WaitingDocument document, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            while (!TryAdd(document))
            {
                if (!await _writer.WaitToEnterAsync(cancellationToken))
                {
                    return Closed;
                }
            }
        }
        finally
        {
            _turn.Release();
        }

        await document.WaitAsync(cancellationToken);
        return document.Outcome;
    }

    /// <summary>Ends when all that was added is settled; the ledger takes no more.</summary>
    public async Task CompleteAsync()
    {
        _writer.Complete();
        await _settling;
        _writer.Dispose();
    }

    private bool TryAdd(WaitingDocument document)
    {
        if (!_writer.TryEnter())
        {
            return false;
        }

        try
        {
            bool added = _writer.TryAdd(_addedCount, document.ToSeal());
            if (added)
            {
                _added.Enqueue(document); // before the segment can be sealed
                _addedCount++;
            }

            return added;
        }
        finally
        {
            _writer.Leave();
        }
    }

    private async Task SettleAsync()
    {
        while (await _writer.ReadSealedAsync(CancellationToken.None) is { } segment)
        {
            using (segment)
            {
                try
                {
                    Settle(segment);
                }
#pragma warning disable CA1031 // whatever it is, nobody may wait for ever, and nobody may get another's receipt
                catch (Exception exception)
                {
                    _fault.Raise(exception);
                    FailAll(exception);
                }
#pragma warning restore CA1031
            }
        }
    }

    private void Settle(SealedSegment segment)
    {
        for (int i = 0; i < segment.Count; i++)
        {
            SealOutcome outcome = segment.Failure is { } failure ? SealOutcome.Failed(failure) : SealOutcome.Sealed(segment.GetReceipt(i));
            if (segment.References[i] != _settledCount || !_added.TryDequeue(out WaitingDocument? document))
            {
                throw new InvalidOperationException($"Document {segment.References[i]} was sealed, where {_settledCount} was expected.");
            }

            _settledCount++;
            document.Settle(outcome);
        }
    }

    /// <summary>The ledger takes no more: what comes after this comes from batches that were open or being sealed, and fails here too.</summary>
    private void FailAll(Exception exception)
    {
        LedgerFailure failure = new(LedgerError.StateUnknown, "The receipt could not be made: whether the document is sealed is not known.", exception);
        while (_added.TryDequeue(out WaitingDocument? document))
        {
            document.Settle(SealOutcome.Failed(failure));
        }
    }
}
