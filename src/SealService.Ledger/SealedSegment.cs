using SealService.Ledger.Sequencing;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// What one writer added to one batch: sealed, or failed as a whole. Its memory is pooled: everything it gives out is valid
/// until <see cref="Dispose"/>, except what is said to be the caller's own.
/// </summary>
public sealed class SealedSegment : IDisposable
{
    private Segment? _segment; // null when disposed; taken out by exchange, so that it goes to its pool once
    private BatchTree? _tree; // made when the first full receipt is asked for

    internal SealedSegment(Segment segment) => _segment = segment;

    /// <summary>
    /// Why the segment was not sealed; null when it was, and only then the members have a meaning that say where and when.
    /// </summary>
    public LedgerFailure? Failure => Segment.Failure;

    /// <summary>The number of its entries; at least one.</summary>
    public int Count => Segment.Count;

    /// <summary>The callers' names for the documents, in the order in which they were added.</summary>
    public ReadOnlySpan<ulong> References => Segment.References;

    /// <summary>The ledger index of the first entry; the others follow by one.</summary>
    public long FirstIndex => Segment.FirstIndex;

    /// <summary>The signed head that the segment was verified against.</summary>
    public SignedHead Head => Segment.Head ?? throw new InvalidOperationException("The segment is not sealed.");

    public ReadOnlySpan<MerkleHash> LeafHashes => Segment.LeafHashes;

    /// <summary>The compact range [0, <see cref="FirstIndex"/>).</summary>
    public ReadOnlySpan<MerkleHash> LeftRange => Segment.LeftRange;

    /// <summary>The compact range [<see cref="FirstIndex"/> + <see cref="Count"/>, tree size).</summary>
    public ReadOnlySpan<MerkleHash> RightRange => Segment.RightRange;

    /// <summary>16 bytes: entry i's salt is the AES-128 encryption of the number i under this key.</summary>
    public ReadOnlySpan<byte> SaltKey => Segment.SaltKey;

    /// <summary>The first entry's time.</summary>
    public long SealedAtUnixMs => Segment.SealedAtUnixMs;

    /// <summary>What each entry's time is later than <see cref="SealedAtUnixMs"/>; empty when all are equal.</summary>
    public ReadOnlySpan<uint> SealedAtOffsetsMs => Segment.SealedAtOffsetsMs;

    private Segment Segment => _segment ?? throw new ObjectDisposedException(nameof(SealedSegment));

    /// <summary>An entry's bytes.</summary>
    public ReadOnlyMemory<byte> GetEntry(int position) => Segment.GetEntry(position);

    /// <summary>The full receipt of an entry; the caller's own. For one thread at a time.</summary>
    public Receipt GetReceipt(int position)
    {
        byte[] entry = Segment.GetEntry(position).ToArray();
        _tree ??= Segment.BuildTree(Head.TreeSize);
        long index = FirstIndex + position;
        MerkleHash[] proof = new MerkleHash[_tree.GetInclusionProofHashCount(index)];
        _tree.WriteInclusionProof(index, proof);
        return new Receipt(entry, index, proof, Head.Note);
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        Interlocked.Exchange(ref _tree, null)?.Dispose();
        Interlocked.Exchange(ref _segment, null)?.Release();
    }
}
