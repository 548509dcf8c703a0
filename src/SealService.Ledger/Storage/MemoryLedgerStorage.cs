using System.Runtime.CompilerServices;

namespace SealService.Ledger.Storage;

/// <summary>What goes wrong in the next append to a <see cref="MemoryLedgerStorage"/>.</summary>
public enum StorageFault
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The append throws, and the record is not there after a restart.</summary>
    FailBeforePersisted,

    /// <summary>The append throws, but the record is there after a restart.</summary>
    FailAfterPersisted,

    /// <summary>The append never returns until it is cancelled; the record is not there after a restart.</summary>
    HangBeforePersisted,

    /// <summary>The append never returns until it is cancelled, but the record is there after a restart.</summary>
    HangAfterPersisted,
}

/// <summary>Records in memory, with faults on demand: for tests. "Durable" is what <see cref="Reopen"/> still has.</summary>
public sealed class MemoryLedgerStorage : ILedgerStorage
{
    // Addresses are spread out, so that an index can't be taken for an address unnoticed.
    private const long AddressStep = 1000;

    private readonly List<byte[]> _records; // guarded by itself; shared with the storages that Reopen makes
    private bool _failed; // owned by the appender

    public MemoryLedgerStorage()
        : this([])
    {
    }

    private MemoryLedgerStorage(List<byte[]> records) => _records = records;

    /// <summary>What goes wrong in the next append; it is used up by it.</summary>
    public StorageFault NextFault { get; set; }

    /// <summary>Awaited at the beginning of each append: a slow device.</summary>
    public Func<CancellationToken, ValueTask>? BeforeAppend { get; set; }

    /// <summary>Whether there is no room for another record.</summary>
    public bool IsFull { get; set; }

    public int RecordBytesMax { get; init; } = 4 << 20;

    public bool IsEmpty
    {
        get
        {
            lock (_records)
            {
                return _records.Count == 0;
            }
        }
    }

    /// <summary>The number of records that are durable.</summary>
    public int Count
    {
        get
        {
            lock (_records)
            {
                return _records.Count;
            }
        }
    }

    /// <summary>How many records the scans of this object have given out.</summary>
    public int ScannedCount { get; private set; }

    /// <summary>The same records after a restart.</summary>
    public MemoryLedgerStorage Reopen() => new(_records) { RecordBytesMax = RecordBytesMax };

    /// <summary>Gives a stored record's bytes away for damaging them.</summary>
    public byte[] this[int record]
    {
        get
        {
            lock (_records)
            {
                return _records[record];
            }
        }
    }

    /// <summary>Takes the newest records away.</summary>
    public void Truncate(int count)
    {
        lock (_records)
        {
            _records.RemoveRange(count, _records.Count - count);
        }
    }

    public bool HasRoomFor(long bytes) => !IsFull;

    public async ValueTask<long> AppendAsync(ReadOnlyMemory<byte> record, CancellationToken cancellationToken)
    {
        if (_failed)
        {
            throw new LedgerException("The storage failed before and takes no more records.");
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(record.Length, RecordBytesMax, nameof(record));
        if (BeforeAppend is { } beforeAppend)
        {
            await beforeAppend(cancellationToken);
        }

        StorageFault fault = NextFault;
        NextFault = StorageFault.None;
        _failed = fault != StorageFault.None;
        long address = 0;
        if (fault is not (StorageFault.FailBeforePersisted or StorageFault.HangBeforePersisted))
        {
            lock (_records)
            {
                _records.Add(record.ToArray());
                address = _records.Count * AddressStep;
            }
        }

        if (fault is StorageFault.HangBeforePersisted or StorageFault.HangAfterPersisted)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        return _failed ? throw new IOException($"Injected fault: {fault}.") : address;
    }

    public ValueTask<byte[]> ReadAsync(long address, CancellationToken cancellationToken)
    {
        lock (_records)
        {
            long record = (address / AddressStep) - 1;
            return address % AddressStep == 0 && record >= 0 && record < _records.Count
                ? ValueTask.FromResult((byte[])_records[(int)record].Clone())
                : throw new LedgerDamagedException($"There is no record at {Describe(address)}.");
        }
    }

    public async IAsyncEnumerable<StoredRecord> ScanAsync(long fromAddress, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long address = fromAddress == 0 ? AddressStep : fromAddress;
        for (int count = Count; address <= count * AddressStep; address += AddressStep)
        {
            byte[] bytes = await ReadAsync(address, cancellationToken);
            ScannedCount++;
            yield return new StoredRecord(address, bytes);
        }
    }

    public string Describe(long address) => $"memory record {(address / AddressStep) - 1}";

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
