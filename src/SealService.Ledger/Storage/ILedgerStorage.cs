namespace SealService.Ledger.Storage;

/// <summary>One stored record and where it lies.</summary>
/// <param name="Address">The address that <see cref="ILedgerStorage.AppendAsync"/> gave.</param>
/// <param name="Bytes">The record, verbatim; the receiver's own.</param>
public readonly record struct StoredRecord(long Address, byte[] Bytes);

/// <summary>
/// Where a ledger's records live. Implementations: <see cref="FasterLogStorage"/>, <see cref="MemoryLedgerStorage"/> (faults
/// for tests), later a replicated database. One ledger appends at a time; reads may run beside it.
/// </summary>
public interface ILedgerStorage : IAsyncDisposable
{
    /// <summary>The greatest record that can be appended, in bytes.</summary>
    int RecordBytesMax { get; }

    /// <summary>True when the storage holds no record and never acknowledged one.</summary>
    bool IsEmpty { get; }

    /// <summary>Whether there is room for a record of that size. Asked before each append, while refusing is still easy.</summary>
    bool HasRoomFor(long bytes);

    /// <summary>
    /// Appends a record and returns its address once it is durable. An exception of any kind means that it may or may not
    /// be durable; the storage then accepts no further record until it has been opened again.
    /// Addresses are positive and grow.
    /// </summary>
    ValueTask<long> AppendAsync(ReadOnlyMemory<byte> record, CancellationToken cancellationToken);

    /// <summary>Reads the record at an address that this storage gave.</summary>
    /// <exception cref="LedgerDamagedException">There is no whole record there.</exception>
    ValueTask<byte[]> ReadAsync(long address, CancellationToken cancellationToken);

    /// <summary>
    /// All records in order, from the one at <paramref name="fromAddress"/> on (0: from the first). Ends after the last
    /// durable record and not before it.
    /// </summary>
    /// <exception cref="LedgerDamagedException">A record that was acknowledged can't be read.</exception>
    IAsyncEnumerable<StoredRecord> ScanAsync(long fromAddress, CancellationToken cancellationToken);

    /// <summary>Names the place of an address for people: a file and an offset.</summary>
    string Describe(long address);
}
