using System.Runtime.CompilerServices;
using Grpc.Core;
using SealService.Merkle;
using Wire = Seal.V1;

namespace SealService.Client;

/// <summary>
/// Reads a ledger. Heads are believed when a trusted key signed them, proofs when they lead to such a head: what a method
/// returns has been checked, as far as there are keys to check by.
/// </summary>
public sealed class LedgerReader
{
    private const int FindPageSize = 1000;

    private readonly Wire.Ledger.LedgerClient _ledger;
    private readonly SealClientOptions _options;
    private readonly AnswerVerifier _verifier;

    internal LedgerReader(Wire.Ledger.LedgerClient ledger, SealClientOptions options, AnswerVerifier verifier)
    {
        _ledger = ledger;
        _options = options;
        _verifier = verifier;
    }

    /// <summary>The origin that the ledger states, whoever signed for it: to find out which key is needed.</summary>
    public async Task<string> GetUnverifiedOriginAsync(CancellationToken cancellationToken = default) =>
        (await GetNewestAsync(cancellationToken)).Origin;

    /// <summary>The newest signed head.</summary>
    public async Task<SignedCheckpoint> GetCheckpointAsync(CancellationToken cancellationToken = default) =>
        Open(await GetNewestAsync(cancellationToken));

    /// <summary>The newest signed head at once, then each newer one that is there when the reader comes for it.</summary>
    public async IAsyncEnumerable<SignedCheckpoint> WatchCheckpointsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _ledger.WatchCheckpoints(
            new Wire.WatchCheckpointsRequest { Ledger = _options.Ledger }, cancellationToken: cancellationToken);
        SignedCheckpoint? last = null;
        await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            var next = Open(response.Checkpoint);
            if (last is not null && next.Checkpoint.TreeSize < last.Checkpoint.TreeSize)
            {
                throw new InvalidAnswerException($"the ledger went back from {last.Checkpoint.TreeSize} to {next.Checkpoint.TreeSize} entries");
            }

            last = next;
            yield return next;
        }
    }

    /// <summary>Entries in order. They are the server's word: <see cref="GetInclusionProofAsync"/> proves one.</summary>
    /// <param name="firstIndex">The index of the first.</param>
    /// <param name="count">At most so many; 0: all that there are now.</param>
    public async IAsyncEnumerable<LoggedEntry> ReadEntriesAsync(
        long firstIndex, long count = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _ledger.GetEntries(
            new Wire.GetEntriesRequest { Ledger = _options.Ledger, FirstIndex = firstIndex, Count = count }, cancellationToken: cancellationToken);
        var next = firstIndex;
        await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if (response.FirstIndex != next)
            {
                throw new InvalidAnswerException($"entry {next} was due, and entry {response.FirstIndex} came");
            }

            foreach (var entry in response.Entries)
            {
                yield return new LoggedEntry(next++, entry.Memory);
            }
        }
    }

    /// <summary>Entries with a document id, a digest or an idempotency key, the newest first. They are the server's word.</summary>
    public async IAsyncEnumerable<LoggedEntry> FindAsync(EntryLookup lookup, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(lookup);
        var request = lookup.ToFindRequest(_options.Ledger);
        request.PageSize = FindPageSize;
        do
        {
            var page = await _ledger.FindEntriesAsync(request, _options.Unary(cancellationToken));
            foreach (var found in page.Entries)
            {
                yield return new LoggedEntry(found.Index, found.Entry.Memory);
            }

            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);
    }

    /// <summary>Proves that an entry is in the tree of a size, and that this tree is the newest head's or a prefix of it.</summary>
    /// <param name="index">The entry's index.</param>
    /// <param name="treeSize">The tree's size; 0: that of the newest signed head.</param>
    public async Task<ProvenInclusion> GetInclusionProofAsync(long index, long treeSize = 0, CancellationToken cancellationToken = default)
    {
        var head = await GetCheckpointAsync(cancellationToken);
        var size = treeSize == 0 ? head.Checkpoint.TreeSize : treeSize;
        var request = new Wire.GetInclusionProofRequest { Ledger = _options.Ledger, Index = index, TreeSize = size };
        var response = await _ledger.GetInclusionProofAsync(request, _options.Unary(cancellationToken));
        var leafHash = WireHashes.Read(response.LeafHash);
        var rootHash = WireHashes.Read(response.RootHash);
        var hashes = WireHashes.ReadAll(response.Hashes);
        head = await AnchorAsync(size, rootHash, head, cancellationToken);
        return InclusionProof.Verify(leafHash, index, size, hashes, rootHash)
            ? new ProvenInclusion(index, size, leafHash, rootHash, hashes, head)
            : throw new InvalidAnswerException($"the inclusion proof of entry {index} does not lead to the root of the tree of {size} entries");
    }

    /// <summary>Proves that one tree is a prefix of another, and that the larger one is the newest head's or a prefix of it.</summary>
    /// <param name="firstSize">The smaller tree's size.</param>
    /// <param name="secondSize">The larger tree's size; 0: that of the newest signed head.</param>
    public Task<ProvenConsistency> GetConsistencyProofAsync(long firstSize, long secondSize = 0, CancellationToken cancellationToken = default) =>
        GetConsistencyProofAsync(firstSize, secondSize, expectedFirst: null, cancellationToken);

    /// <summary>Proves that a head which was kept is a prefix of a later tree: that nothing under it has been changed or dropped since.</summary>
    /// <param name="earlier">A checkpoint from before, as a signed note.</param>
    /// <param name="secondSize">The larger tree's size; 0: that of the newest signed head.</param>
    public Task<ProvenConsistency> GetConsistencyProofAsync(
        ReadOnlyMemory<byte> earlier, long secondSize = 0, CancellationToken cancellationToken = default)
    {
        var first = _verifier.Open(earlier).Checkpoint;
        return GetConsistencyProofAsync(first.TreeSize, secondSize, first, cancellationToken);
    }

    private async Task<ProvenConsistency> GetConsistencyProofAsync(
        long firstSize, long secondSize, Checkpoint? expectedFirst, CancellationToken cancellationToken)
    {
        var head = await GetCheckpointAsync(cancellationToken);
        if (expectedFirst is not null && expectedFirst.Origin != head.Checkpoint.Origin)
        {
            throw new InvalidAnswerException($"the checkpoint is of '{expectedFirst.Origin}', the server's ledger is '{head.Checkpoint.Origin}'");
        }

        var size = secondSize == 0 ? head.Checkpoint.TreeSize : secondSize;
        var (firstRoot, secondRoot, hashes) = await FetchConsistencyAsync(firstSize, size, cancellationToken);
        if (expectedFirst is not null && expectedFirst.RootHash != firstRoot)
        {
            throw new InvalidAnswerException($"the ledger's tree of {firstSize} entries is not the one that was signed before: its history was changed");
        }

        head = await AnchorAsync(size, secondRoot, head, cancellationToken);
        return new ProvenConsistency(firstSize, size, firstRoot, secondRoot, hashes, head);
    }

    /// <summary>Demands that a root is the head's, or that of a prefix of the head's tree; gives the head that it was tied to.</summary>
    private async Task<SignedCheckpoint> AnchorAsync(long size, MerkleHash rootHash, SignedCheckpoint head, CancellationToken cancellationToken)
    {
        if (size > head.Checkpoint.TreeSize)
        {
            // The ledger has grown since the head was asked for.
            head = await GetCheckpointAsync(cancellationToken);
        }

        var signed = head.Checkpoint;
        var (prefixRoot, headRoot) = (rootHash, rootHash);
        if (size != signed.TreeSize)
        {
            (prefixRoot, headRoot, _) = await FetchConsistencyAsync(size, signed.TreeSize, cancellationToken);
        }

        return prefixRoot == rootHash && headRoot == signed.RootHash
            ? head
            : throw new InvalidAnswerException($"the root of the tree of {size} entries does not belong to the signed head of {signed.TreeSize}");
    }

    /// <summary>A consistency proof that holds by itself; whose roots these are is for the caller to find out.</summary>
    private async Task<(MerkleHash FirstRoot, MerkleHash SecondRoot, MerkleHash[] Hashes)> FetchConsistencyAsync(
        long firstSize, long secondSize, CancellationToken cancellationToken)
    {
        var request = new Wire.GetConsistencyProofRequest { Ledger = _options.Ledger, FirstSize = firstSize, SecondSize = secondSize };
        var response = await _ledger.GetConsistencyProofAsync(request, _options.Unary(cancellationToken));
        var firstRoot = WireHashes.Read(response.FirstRootHash);
        var secondRoot = WireHashes.Read(response.SecondRootHash);
        var hashes = WireHashes.ReadAll(response.Hashes);
        return ConsistencyProof.Verify(firstSize, secondSize, firstRoot, secondRoot, hashes)
            ? (firstRoot, secondRoot, hashes)
            : throw new InvalidAnswerException($"the tree of {firstSize} entries is not shown to be a prefix of the tree of {secondSize}");
    }

    private async Task<Wire.Checkpoint> GetNewestAsync(CancellationToken cancellationToken) =>
        (await _ledger.GetCheckpointAsync(new Wire.GetCheckpointRequest { Ledger = _options.Ledger }, _options.Unary(cancellationToken))).Checkpoint
            ?? throw new InvalidAnswerException("the server sent no checkpoint");

    private SignedCheckpoint Open(Wire.Checkpoint checkpoint) => _verifier.Open(checkpoint.Note.Memory);
}
