using SealService.Ledger.Derived;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// Reads all records from the first one on, as recovery does that has no derived data, and beyond it verifies every signature
/// and reads every entry. Writes nothing.
/// </summary>
internal sealed class RecordVerification(ILedgerStorage storage, CheckpointAuthority authority, LedgerOptions options)
{
    /// <summary>Returns the newest head; reports the number of entries so far after each record.</summary>
    public async Task<SignedHead> RunAsync(IProgress<long>? progress, CancellationToken cancellationToken)
    {
        Snapshot? snapshot = Snapshot.TryReadSigned(options.DerivedFolder, authority);
        if (storage.IsEmpty && snapshot is null)
        {
            throw new LedgerException($"{options.Folder} holds no ledger.");
        }

        RecordChain chain = new(storage, new CompactRange(), snapshot);
        SignedHead? head = null;
        await foreach (StoredRecord stored in storage.ScanAsync(0, cancellationToken))
        {
            chain.Read(stored);
            using SealedBatch batch = chain.Extend(stored);
            RequireSignature(batch);
            RequireReadable(chain, stored);
            head = batch.Head;
            progress?.Report(head.TreeSize);
        }

        chain.RequireSnapshotReached();
        return head!; // there was a record
    }

    private void RequireSignature(SealedBatch batch)
    {
        if (!authority.TryOpen(batch.Head.Note, out _, out string error))
        {
            throw authority.AnotherKey($"The checkpoint at {storage.Describe(batch.Address)}", error);
        }
    }

    private static void RequireReadable(RecordChain chain, StoredRecord stored)
    {
        ReadOnlySpan<byte> entries = chain.Last.Entries.Span;
        for (long index = chain.Last.FirstIndex; !entries.IsEmpty; index++)
        {
            if (!LogEntryCodec.TryRead(RecordCodec.TakeEntry(ref entries), out _, out string? error))
            {
                throw chain.Damaged(stored, $"its entry {index} can't be read: {error}");
            }
        }
    }
}
