using System.Runtime.CompilerServices;
using SealService.Merkle;

namespace SealService.Ledger.Derived;

/// <summary>
/// Answers from the derived data and the records. What it says about a tree has been verified against a signed head or a root
/// before it leaves.
/// </summary>
internal sealed class LedgerReader(DerivedData derived, LedgerIndexer indexer, RecordReader records, Func<SignedHead> newestHead)
{
    // Entries that share a fingerprint with the key that is asked for are next to none; so few more are fetched at once.
    private const int FindAtOnce = 16;

    public async ValueTask<Receipt?> GetReceiptAsync(long index, CancellationToken cancellationToken)
    {
        SignedHead head = newestHead();
        if (index < 0 || index >= head.TreeSize)
        {
            return null;
        }

        await indexer.WaitForIndexedAsync(head.TreeSize, cancellationToken);
        ReadOnlyMemory<byte> entry = await records.ReadEntryAsync(index, cancellationToken);
        MerkleHash[] proof = Resolve(InclusionProof.GetSubtrees(index, head.TreeSize));
        return InclusionProof.Verify(TreeHasher.HashLeaf(entry.Span), index, head.TreeSize, proof, head.RootHash)
            ? new Receipt(entry, index, proof, head.Note)
            : throw NotVerified($"The inclusion proof of entry {index} in the tree of size {head.TreeSize}");
    }

    public async ValueTask<ProvenInclusion> GetInclusionProofAsync(long index, long treeSize, CancellationToken cancellationToken)
    {
        ThrowUnlessTree(treeSize);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, treeSize);
        await indexer.WaitForIndexedAsync(treeSize, cancellationToken);
        MerkleHash leafHash = derived.Hashes.GetRoot(new Subtree(index, index + 1));
        MerkleHash root = GetRootHash(treeSize);
        MerkleHash[] proof = Resolve(InclusionProof.GetSubtrees(index, treeSize));
        return InclusionProof.Verify(leafHash, index, treeSize, proof, root)
            ? new ProvenInclusion(index, treeSize, leafHash, root, proof)
            : throw NotVerified($"The inclusion proof of entry {index} in the tree of size {treeSize}");
    }

    public async ValueTask<ProvenConsistency> GetConsistencyProofAsync(long firstSize, long secondSize, CancellationToken cancellationToken)
    {
        ThrowUnlessTree(secondSize);
        ArgumentOutOfRangeException.ThrowIfNegative(firstSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstSize, secondSize);
        await indexer.WaitForIndexedAsync(secondSize, cancellationToken);
        MerkleHash firstRoot = GetRootHash(firstSize);
        MerkleHash secondRoot = GetRootHash(secondSize);
        MerkleHash[] proof = Resolve(ConsistencyProof.GetSubtrees(firstSize, secondSize));
        return ConsistencyProof.Verify(firstSize, secondSize, firstRoot, secondRoot, proof)
            ? new ProvenConsistency(firstSize, secondSize, firstRoot, secondRoot, proof)
            : throw NotVerified($"The consistency proof of the trees of sizes {firstSize} and {secondSize}");
    }

    public async ValueTask<MerkleHash[]> ReadTileAsync(int level, long number, int width, CancellationToken cancellationToken)
    {
        long treeSize = newestHead().TreeSize;
        ArgumentOutOfRangeException.ThrowIfNegative(level);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(level, HashFiles.LevelsMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, HashFiles.TileWidth);
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        long hashes = HashFiles.CountAt(level, treeSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, (hashes - width) / HashFiles.TileWidth);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((number * HashFiles.TileWidth) + width, hashes, nameof(width));
        await indexer.WaitForIndexedAsync(treeSize, cancellationToken);
        MerkleHash[] tile = new MerkleHash[width];
        derived.Hashes.Read(level, number * HashFiles.TileWidth, tile);
        return tile;
    }

    public async IAsyncEnumerable<EntryBundle> ReadEntriesAsync(
        long firstIndex, long count, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long treeSize = newestHead().TreeSize;
        ArgumentOutOfRangeException.ThrowIfNegative(firstIndex);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstIndex, treeSize);
        await indexer.WaitForIndexedAsync(treeSize, cancellationToken);
        long end = firstIndex + Math.Min(count, treeSize - firstIndex);
        while (firstIndex < end)
        {
            EntryBundle bundle = await records.ReadBundleAsync(firstIndex, cancellationToken);
            int skipped = (int)(firstIndex - bundle.FirstIndex);
            int taken = (int)Math.Min(bundle.Count - skipped, end - firstIndex);
            yield return bundle.Slice(skipped, taken);
            firstIndex += taken;
        }
    }

    public async ValueTask<FoundEntries> FindAsync(
        LookupKind kind, ReadOnlyMemory<byte> key, int pageSize, long before, CancellationToken cancellationToken)
    {
        await indexer.WaitForIndexedAsync(newestHead().TreeSize, cancellationToken);
        return await FindFirstAsync(kind, key, pageSize, before, cancellationToken);
    }

    /// <summary>The entry with an idempotency key, of what is indexed: what is not is still claimed.</summary>
    public async ValueTask<SealedKey?> FindSealedAsync(MerkleHash key, CancellationToken cancellationToken)
    {
        // Absent keys are the rule, and they are known to be absent without any wait or copy.
        ulong fingerprint = derived.Lookup.Fingerprints.Of(LookupKind.IdempotencyKey, key.AsSpan());
        if (derived.Lookup.Find(fingerprint, long.MaxValue, 1).Count == 0)
        {
            return null;
        }

        FoundEntries found = await FindFirstAsync(LookupKind.IdempotencyKey, key.ToArray(), 1, long.MaxValue, cancellationToken);
        return found.Entries.Count > 0 && LogEntryCodec.TryRead(found.Entries[0].Entry.Span, out LogEntry fields, out _)
            ? new SealedKey(found.Entries[0].Index, MerkleHash.Read(fields.Digest))
            : null;
    }

    private async ValueTask<FoundEntries> FindFirstAsync(
        LookupKind kind, ReadOnlyMemory<byte> key, int pageSize, long before, CancellationToken cancellationToken)
    {
        List<FoundEntry> found = [];

        // One more than the page tells whether there is another.
        await foreach (FoundEntry entry in FindAllAsync(kind, key, before, Math.Max(pageSize + 1, FindAtOnce), cancellationToken))
        {
            if (found.Count == pageSize)
            {
                return new FoundEntries(found, found[^1].Index);
            }

            found.Add(entry);
        }

        return new FoundEntries(found, null);
    }

    private async IAsyncEnumerable<FoundEntry> FindAllAsync(
        LookupKind kind, ReadOnlyMemory<byte> key, long before, int atOnce, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ulong fingerprint = derived.Lookup.Fingerprints.Of(kind, key.Span);
        List<long> candidates;
        do
        {
            candidates = derived.Lookup.Find(fingerprint, before, atOnce);
            foreach (long index in candidates)
            {
                ReadOnlyMemory<byte> entry = await records.ReadEntryAsync(index, cancellationToken);
                if (HasKey(entry.Span, kind, key.Span))
                {
                    yield return new FoundEntry(index, entry);
                }

                before = index;
            }
        }
        while (candidates.Count == atOnce);
    }

    private static bool HasKey(ReadOnlySpan<byte> entry, LookupKind kind, ReadOnlySpan<byte> key) =>
        LogEntryCodec.TryRead(entry, out LogEntry fields, out _) && kind switch
        {
            LookupKind.DocumentId => fields.DocumentId.SequenceEqual(key),
            LookupKind.Digest => fields.Digest.SequenceEqual(key),
            LookupKind.IdempotencyKey => fields.IdempotencyKeySha256.SequenceEqual(key),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Entries are not found by this."),
        };

    private MerkleHash GetRootHash(long treeSize)
    {
        SignedHead head = newestHead();
        return treeSize == head.TreeSize ? head.RootHash
            : treeSize == 0 ? TreeHasher.EmptyRoot
            : derived.Hashes.GetRoot(new Subtree(0, treeSize));
    }

    private MerkleHash[] Resolve(Subtree[] subtrees) => Array.ConvertAll(subtrees, derived.Hashes.GetRoot);

    private void ThrowUnlessTree(long treeSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(treeSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(treeSize, newestHead().TreeSize);
    }

    private static LedgerDamagedException NotVerified(string what) =>
        new($"{what} does not verify: the derived data or the records are damaged. Delete the derived folder and start again.");
}
