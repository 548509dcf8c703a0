using System.Runtime.InteropServices;
using SealService.Ledger;
using SealService.Ledger.Derived;
using SealService.Ledger.Storage;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class RecordReaderTests
{
    [Fact]
    public async Task ReadingOneEntry_DoesNotKeepItsRecord()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(50));
        ExpectOwn((await ledger.GetReceiptAsync(20, Token))!.Entry);
        ExpectOwn((await ledger.FindAsync(LookupKind.Digest, Digest(20), 1, long.MaxValue, Token)).Entries[0].Entry);

        static void ExpectOwn(ReadOnlyMemory<byte> entry)
        {
            Assert.True(MemoryMarshal.TryGetArray(entry, out ArraySegment<byte> array));
            Assert.Equal(entry.Length, array.Array!.Length);
        }
    }

    [Fact]
    public async Task Reading_MoreThanTheMaximumAtOnce_WaitsForItsTurn()
    {
        const int records = 6;
        const int readsMax = 2;
        using TemporaryFolder folder = new();
        using BatchDirectory batches = BatchDirectory.Open(folder.Path, 0, 0);
        byte[][] stored = new byte[records][];
        for (int i = 0; i < records; i++)
        {
            stored[i] = new byte[RecordCodec.GetSize(2, 0)];
            RecordCodec.Complete(stored[i], i, 1, 2, []); // one entry of no bytes
            batches.Append(i, i + 1);
        }

        GatedStorage storage = new(stored);
        using RecordReader reader = new(storage, batches, cacheBytesMax: 0, readsMax);
        Task<ReadOnlyMemory<byte>>[] reads = [.. Enumerable.Range(0, records).Select(i => reader.ReadEntryAsync(i, Token).AsTask())];
        Assert.Equal(readsMax, storage.Begun);
        storage.Gate.SetResult();
        await Task.WhenAll(reads);
        Assert.Equal(records, storage.Begun);
    }

    /// <summary>Reads that end when the test says so.</summary>
    private sealed class GatedStorage(byte[][] records) : ILedgerStorage
    {
        private int _begun;

        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Begun => Volatile.Read(ref _begun);

        public int RecordBytesMax => int.MaxValue;

        public bool IsEmpty => false;

        public bool HasRoomFor(long bytes) => false;

        public async ValueTask<byte[]> ReadAsync(long address, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _begun);
            await Gate.Task;
            return records[address - 1];
        }

        public ValueTask<long> AppendAsync(ReadOnlyMemory<byte> record, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<StoredRecord> ScanAsync(long fromAddress, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public string Describe(long address) => $"record {address}";

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
