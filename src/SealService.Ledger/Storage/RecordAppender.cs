namespace SealService.Ledger.Storage;

/// <summary>Appends within a time limit: a device that died may never call back.</summary>
internal sealed class RecordAppender(ILedgerStorage storage, TimeSpan timeout, TimeProvider time)
{
    public bool HasRoomFor(long bytes) => storage.HasRoomFor(bytes);

    /// <summary>Returns the record's address once it is durable; whatever is thrown leaves that open.</summary>
    public async ValueTask<long> AppendAsync(ReadOnlyMemory<byte> record)
    {
        using CancellationTokenSource deadline = new(timeout, time);
        try
        {
            return await storage.AppendAsync(record, deadline.Token).AsTask().WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException exception) when (deadline.IsCancellationRequested)
        {
            throw new LedgerException($"The record was not durable within {timeout}.", exception);
        }
    }
}
