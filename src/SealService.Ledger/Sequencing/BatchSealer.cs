using System.Buffers;
using System.Diagnostics;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// Makes one durable, verified batch of the segments of a closed one. Whatever it throws but <see cref="NotSealedException"/>
/// leaves the ledger's state unknown.
/// </summary>
internal sealed class BatchSealer(RecordAppender appender, CheckpointAuthority authority, LedgerMetrics metrics, TimeProvider time)
{
    /// <summary>
    /// 1 lines the entries up and hashes them again, 2 extends the tree, 3 has its head signed, 4 makes entries and head
    /// durable, 5 verifies each segment against that head.
    /// </summary>
    public async ValueTask<SealedBatch> SealAsync(IReadOnlyList<Segment> segments, CompactRange edge, SignedHead head)
    {
        int count = 0;
        int entriesBytes = 0;
        foreach (Segment segment in segments)
        {
            count += segment.Count;
            entriesBytes += segment.EntryBundle.Length;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(RecordCodec.GetSize(entriesBytes, LedgerOptions.RecordOverheadBytesMax));
        MerkleHash[] leafHashes = ArrayPool<MerkleHash>.Shared.Rent(count);
        try
        {
            ThrowIfFull(RecordCodec.GetSize(entriesBytes, LedgerOptions.RecordOverheadBytesMax));

            // 1
            LineUp(segments, edge.End, buffer, leafHashes);

            // 2
            using BatchTree tree = new(edge, leafHashes.AsSpan(0, count));
            ThrowUnlessExtends(edge, head, tree);

            // 3
            long started = time.GetTimestamp();
            byte[] note = await authority.SignAsync(tree.TreeSize, tree.RootHash);
            metrics.Signed(time.GetElapsedTime(started));

            // 4
            int recordBytes = RecordCodec.Complete(buffer, edge.End, count, entriesBytes, note);
            started = time.GetTimestamp();
            long address = await appender.AppendAsync(buffer.AsMemory(0, recordBytes));
            metrics.Committed(time.GetElapsedTime(started));

            // 5
            PlaceAndVerify(segments, edge.End, tree);
            LedgerRecord record = new(edge.End, count, buffer.AsMemory(RecordCodec.HeaderBytes, entriesBytes), note);
            SignedHead signed = new(tree.TreeSize, tree.RootHash, note);
            return new SealedBatch(record, buffer, leafHashes, address, tree.ToCompactRange(), signed);
        }
        catch (NotSealedException)
        {
            // After any other failure the buffers are left alone: an append that hangs may still read them.
            ArrayPool<byte>.Shared.Return(buffer);
            ArrayPool<MerkleHash>.Shared.Return(leafHashes);
            throw;
        }
    }

    /// <summary>Better to refuse while everything is known than to fail in the middle of a write.</summary>
    private void ThrowIfFull(int recordBytes)
    {
        if (!appender.HasRoomFor(recordBytes))
        {
            throw new NotSealedException(LedgerError.StorageFull, "The ledger's storage is nearly full.");
        }
    }

    /// <summary>
    /// Copies the segments' entries into the record and computes each leaf hash from the copy. A bit that flipped in either
    /// place since the writer hashed the entry shows here, before anything is signed.
    /// </summary>
    private static void LineUp(IReadOnlyList<Segment> segments, long firstIndex, byte[] buffer, MerkleHash[] leafHashes)
    {
        int at = RecordCodec.HeaderBytes;
        int position = 0;
        foreach (Segment segment in segments)
        {
            segment.EntryBundle.CopyTo(buffer.AsSpan(at));
            Span<MerkleHash> hashes = leafHashes.AsSpan(position, segment.Count);
            TreeHasher.HashLeaves(buffer.AsSpan(at, segment.EntryBundle.Length), hashes);
            int equal = segment.LeafHashes.CommonPrefixLength(hashes);
            if (equal < segment.Count)
            {
                throw new LedgerException(
                    $"Entry {firstIndex + position + equal} changed in memory: its leaf hash was {segment.LeafHashes[equal]} and is {hashes[equal]}.");
            }

            at += segment.EntryBundle.Length;
            position += segment.Count;
        }
    }

    /// <summary>Never sign a head that is lower than the last persisted one, or one beside it.</summary>
    private static void ThrowUnlessExtends(CompactRange edge, SignedHead head, BatchTree tree)
    {
        bool isOfHead = edge.Begin == 0 && edge.End == head.TreeSize && edge.GetRootHash() == head.RootHash;
        if (!isOfHead || tree.Begin != head.TreeSize || tree.TreeSize <= head.TreeSize)
        {
            throw new LedgerException($"The tree in memory does not extend the last signed head of size {head.TreeSize}.");
        }
    }

    private static void PlaceAndVerify(IReadOnlyList<Segment> segments, long firstIndex, BatchTree tree)
    {
        foreach (Segment segment in segments)
        {
            if (!segment.TryPlace(firstIndex, tree))
            {
                throw new LedgerException(
                    $"The proofs of the {segment.Count} entries from {firstIndex} on do not lead to the signed root.");
            }

            firstIndex += segment.Count;
        }

        Debug.Assert(firstIndex == tree.TreeSize, "all entries have been placed");
    }
}
