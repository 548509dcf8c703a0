using System.Buffers;
using System.Diagnostics;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// Makes one durable, verified batch of the segments of a closed one, in two steps: a batch may be signed while the one before it is
/// being written. Whatever they throw but <see cref="NotSealedException"/> leaves the ledger's state unknown.
/// </summary>
internal sealed class BatchSealer(RecordAppender appender, CheckpointAuthority authority, LedgerMetrics metrics, TimeProvider time)
{
    private long _unwrittenBytes; // of records that are signed; interlocked

    /// <summary>
    /// 1 lines the entries up and checks that they are what was hashed, 2 extends the tree, 3 has its head signed. Nothing is persisted.
    /// </summary>
    /// <param name="segments">The batch; none is empty.</param>
    /// <param name="edge">The tree so far.</param>
    /// <param name="head">The head that was signed last.</param>
    public async ValueTask<SignedBatch> SignAsync(IReadOnlyList<Segment> segments, CompactRange edge, SignedHead head)
    {
        int count = 0;
        int entriesBytes = 0;
        foreach (Segment segment in segments)
        {
            count += segment.Count;
            entriesBytes += segment.EntryBundle.Length;
        }

        int recordBytesMax = RecordCodec.GetSize(entriesBytes, LedgerOptions.RecordOverheadBytesMax);
        ThrowIfFull(recordBytesMax);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(recordBytesMax);
        BatchTree? tree = null;
        try
        {
            // 1 and 2
            tree = BuildTree(segments, edge, count, buffer);
            ThrowUnlessExtends(edge, head, tree);

            // 3
            long started = time.GetTimestamp();
            byte[] note = await authority.SignAsync(tree.TreeSize, tree.RootHash);
            metrics.Signed(time.GetElapsedTime(started));
            int recordBytes = RecordCodec.Complete(buffer, edge.End, count, entriesBytes, note);
            Interlocked.Add(ref _unwrittenBytes, recordBytes);
            LedgerRecord record = new(edge.End, count, buffer.AsMemory(RecordCodec.HeaderBytes, entriesBytes), note);
            return new SignedBatch(segments, record, buffer, recordBytes, tree);
        }
        catch
        {
            tree?.Dispose();
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    /// <summary>
    /// 4 makes entries and head durable, and meanwhile 5 verifies each segment against that head. The batch before has been written.
    /// After a failure the buffers are left alone: an append that hangs may still read them.
    /// </summary>
    public async ValueTask<SealedBatch> WriteAsync(SignedBatch batch)
    {
        // 4
        long started = time.GetTimestamp();
        ValueTask<long> appending = appender.AppendAsync(batch.RecordBytes);

        // 5
        PlaceAndVerify(batch);
        long address = await appending;
        metrics.Committed(time.GetElapsedTime(started));
        Interlocked.Add(ref _unwrittenBytes, -batch.RecordBytes.Length);
        return batch.ToSealed(address);
    }

    /// <summary>Better to refuse while everything is known than to fail in the middle of a write.</summary>
    private void ThrowIfFull(int recordBytes)
    {
        if (!appender.HasRoomFor(Interlocked.Read(ref _unwrittenBytes) + recordBytes))
        {
            throw new NotSealedException(LedgerError.StorageFull, "The ledger's storage is nearly full.");
        }
    }

    private static BatchTree BuildTree(IReadOnlyList<Segment> segments, CompactRange edge, int count, byte[] buffer)
    {
        MerkleHash[] leafHashes = ArrayPool<MerkleHash>.Shared.Rent(count);
        try
        {
            LineUp(segments, edge.End, buffer, leafHashes);
            return new BatchTree(edge, leafHashes.AsSpan(0, count));
        }
        finally
        {
            ArrayPool<MerkleHash>.Shared.Return(leafHashes);
        }
    }

    /// <summary>
    /// Copies the segments' entries into the record, and their leaf hashes into a row. A bit that flipped in either place since the writer
    /// hashed the entries shows here, before anything is signed.
    /// </summary>
    private static void LineUp(IReadOnlyList<Segment> segments, long firstIndex, byte[] buffer, MerkleHash[] leafHashes)
    {
        int at = RecordCodec.HeaderBytes;
        int position = 0;
        foreach (Segment segment in segments)
        {
            if (!segment.TryCopy(buffer.AsSpan(at), leafHashes.AsSpan(position)))
            {
                throw new LedgerException($"Entries changed in memory after they were hashed: some of the {segment.Count} from {firstIndex + position} on.");
            }

            at += segment.EntryBundle.Length;
            position += segment.Count;
        }
    }

    /// <summary>Never sign a head that is lower than the last signed one, or one beside it.</summary>
    private static void ThrowUnlessExtends(CompactRange edge, SignedHead head, BatchTree tree)
    {
        bool isOfHead = edge.Begin == 0 && edge.End == head.TreeSize && edge.GetRootHash() == head.RootHash;
        if (!isOfHead || tree.Begin != head.TreeSize || tree.TreeSize <= head.TreeSize)
        {
            throw new LedgerException($"The tree in memory does not extend the last signed head of size {head.TreeSize}.");
        }
    }

    private static void PlaceAndVerify(SignedBatch batch)
    {
        long firstIndex = batch.Record.FirstIndex;
        foreach (Segment segment in batch.Segments)
        {
            if (!segment.TryPlace(firstIndex, batch.Tree))
            {
                throw new LedgerException(
                    $"The proofs of the {segment.Count} entries from {firstIndex} on do not lead to the signed root.");
            }

            firstIndex += segment.Count;
        }

        Debug.Assert(firstIndex == batch.Tree.TreeSize, "all entries have been placed");
    }
}
