using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using SealService.Ledger.Sequencing;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// What one writer added to one batch: sealed, or failed as a whole. Pooled: everything it gives out is valid until
/// <see cref="Dispose"/>, except what is said to be the caller's own.
/// </summary>
/// <remarks>
/// The writer owns it while its batch is open, the sequencer from the close of the batch until it is delivered, and then
/// whoever read it.
/// </remarks>
public sealed class SealedSegment : IDisposable
{
    internal const int EntryPrefixBytes = Storage.RecordCodec.EntryPrefixBytes;

    // The first entries take exactly what they need, so that a thousand callers with one document each fit into a batch;
    // later ones take more at once, so that a busy writer does not touch the shared counters for each.
    private const int ReservedBytesMax = 4096;
    private const int ReservedEntriesMax = 64;
    private const int ColumnsMin = 16;

    private readonly SegmentPool _pool;
    private readonly byte[] _saltKey = new byte[SaltGenerator.KeyBytes];
    private readonly SaltGenerator _salts = new();
    private readonly MerkleHash[] _leftRange = new MerkleHash[CompactRange.HashCountMax];
    private readonly MerkleHash[] _rightRange = new MerkleHash[CompactRange.HashCountMax];
    private readonly List<(Claim Claim, int Position)> _claims = [];
    private OpenBatch? _batch;
    private LedgerWriter? _writer;
    private BatchTree? _tree; // built when the first full receipt is asked for
    private byte[] _entries = []; // an entry bundle: (u16be length, entry) repeated
    private int[] _entryEnds = [];
    private ulong[] _references = [];
    private MerkleHash[] _leafHashes = [];
    private uint[] _offsetsMs = [];
    private int _capacity; // of the four columns above
    private int _count;
    private int _entriesBytes;
    private int _reservedEntries;
    private int _reservedBytes;
    private int _leftCount;
    private int _rightCount;
    private SignedHead? _head;
    private int _rented; // 1 while it is out of the pool; interlocked

    internal SealedSegment(SegmentPool pool) => _pool = pool;

    /// <summary>
    /// Why the segment was not sealed; null when it was, and only then the members have a meaning that say where and when.
    /// </summary>
    public LedgerFailure? Failure { get; private set; }

    /// <summary>The number of its entries; at least one.</summary>
    public int Count => _count;

    /// <summary>The callers' names for the documents, in the order in which they were added.</summary>
    public ReadOnlySpan<ulong> References => _references.AsSpan(0, _count);

    /// <summary>The ledger index of the first entry; the others follow by one.</summary>
    public long FirstIndex { get; private set; }

    /// <summary>The signed head that the segment was verified against.</summary>
    public SignedHead Head => _head ?? throw new InvalidOperationException("The segment is not sealed.");

    public ReadOnlySpan<MerkleHash> LeafHashes => _leafHashes.AsSpan(0, _count);

    /// <summary>The compact range [0, <see cref="FirstIndex"/>).</summary>
    public ReadOnlySpan<MerkleHash> LeftRange => _leftRange.AsSpan(0, _leftCount);

    /// <summary>The compact range [<see cref="FirstIndex"/> + <see cref="Count"/>, tree size).</summary>
    public ReadOnlySpan<MerkleHash> RightRange => _rightRange.AsSpan(0, _rightCount);

    /// <summary>16 bytes: entry i's salt is the AES-128 encryption of the number i under this key.</summary>
    public ReadOnlySpan<byte> SaltKey => _saltKey;

    /// <summary>The first entry's time.</summary>
    public long SealedAtUnixMs { get; private set; }

    /// <summary>What each entry's time is later than <see cref="SealedAtUnixMs"/>; empty when all are equal.</summary>
    public ReadOnlySpan<uint> SealedAtOffsetsMs => _count > 0 && _offsetsMs[_count - 1] != 0 ? _offsetsMs.AsSpan(0, _count) : [];

    internal ReadOnlySpan<byte> EntryBundle => _entries.AsSpan(0, _entriesBytes);

    internal long LastSealedAtUnixMs => SealedAtUnixMs + (_count > 0 ? _offsetsMs[_count - 1] : 0);

    /// <summary>An entry's bytes.</summary>
    public ReadOnlyMemory<byte> GetEntry(int position)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)_count, nameof(position));
        int begin = position == 0 ? 0 : _entryEnds[position - 1];
        return _entries.AsMemory(begin + EntryPrefixBytes, _entryEnds[position] - begin - EntryPrefixBytes);
    }

    /// <summary>The full receipt of an entry; the caller's own.</summary>
    public Receipt GetReceipt(int position)
    {
        byte[] entry = GetEntry(position).ToArray();
        _tree ??= BuildTree(Head.TreeSize);
        long index = FirstIndex + position;
        MerkleHash[] proof = new MerkleHash[_tree.GetInclusionProofHashCount(index)];
        _tree.WriteInclusionProof(index, proof);
        return new Receipt(entry, index, proof, Head.Note);
    }

    /// <summary>Gives the segment back to the pool.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _rented, 0) == 0)
        {
            return;
        }

        _tree?.Dispose();
        _tree = null;
        _writer = null;
        _batch = null;
        _head = null;
        _claims.Clear();
        Return(ref _entries);
        Return(ref _entryEnds);
        Return(ref _references);
        Return(ref _leafHashes);
        Return(ref _offsetsMs);
        _capacity = 0;
        _pool.Return(this);
    }

    internal void Begin(LedgerWriter writer, OpenBatch batch, int firstEntryBytes, long unixMs)
    {
        _rented = 1;
        _writer = writer;
        _batch = batch;
        _count = 0;
        _entriesBytes = 0;
        _reservedEntries = 1;
        _reservedBytes = firstEntryBytes + EntryPrefixBytes;
        _leftCount = 0;
        _rightCount = 0;
        Failure = null;
        FirstIndex = -1;
        SealedAtUnixMs = unixMs;
        RandomNumberGenerator.Fill(_saltKey);
        _salts.Rekey(_saltKey);
    }

    /// <summary>Makes sure that the batch and this segment have room for an entry.</summary>
    internal bool TryReserve(int entryBytes, long unixMs)
    {
        if (_count == _pool.EntriesMax || unixMs - SealedAtUnixMs > uint.MaxValue)
        {
            return false;
        }

        int missingBytes = Math.Max(0, _entriesBytes + EntryPrefixBytes + entryBytes - _reservedBytes);
        int missingEntries = _count == _reservedEntries ? 1 : 0;
        if (missingBytes == 0 && missingEntries == 0)
        {
            return true;
        }

        int moreBytes = missingBytes == 0 ? 0 : Math.Max(missingBytes, Math.Min(ReservedBytesMax, _entriesBytes));
        int moreEntries = missingEntries == 0 ? 0 : Math.Min(ReservedEntriesMax, _count);
        return TryReserveMore(moreEntries, moreBytes) || TryReserveMore(missingEntries, missingBytes);
    }

    /// <summary>Writes an entry into room that was reserved.</summary>
    internal void Add(ulong reference, in DocumentSeal document, int entryBytes, long unixMs)
    {
        if (document.Claim is { } claim)
        {
            _pool.Take(claim);
            _claims.Add((claim, _count));
        }

        int end = _entriesBytes + EntryPrefixBytes + entryBytes;
        if (end > _entries.Length)
        {
            Grow(ref _entries, _entriesBytes, end);
        }

        if (_count == _capacity)
        {
            GrowColumns();
        }

        Span<byte> entry = _entries.AsSpan(_entriesBytes, EntryPrefixBytes + entryBytes);
        BinaryPrimitives.WriteUInt16BigEndian(entry, (ushort)entryBytes);
        entry = entry[EntryPrefixBytes..];
        document.WriteEntry(entry, _salts.GetSalt(_count), unixMs);
        _leafHashes[_count] = TreeHasher.HashLeaf(entry);
        _references[_count] = reference;
        _offsetsMs[_count] = (uint)(unixMs - SealedAtUnixMs);
        _entryEnds[_count] = end;
        _entriesBytes = end;
        _count++;
    }

    /// <summary>
    /// Gives the segment its place in the tree, and checks what its reader will be given as the reader can: left range,
    /// leaves and right range make the root.
    /// </summary>
    internal bool TryPlace(long firstIndex, BatchTree tree)
    {
        FirstIndex = firstIndex;
        _leftCount = tree.WriteLeftRange(firstIndex, _leftRange);
        _rightCount = tree.WriteRightRange(firstIndex + _count, _rightRange);
        using BatchTree own = BuildTree(tree.TreeSize);
        return own.RootHash == tree.RootHash;
    }

    internal void CompleteSealed(SignedHead head)
    {
        _head = head;
        foreach ((Claim claim, int position) in _claims)
        {
            claim.Seal(FirstIndex + position);
        }

        _writer!.Deliver(this);
    }

    internal void CompleteFailed(LedgerFailure failure)
    {
        Failure = failure;
        foreach ((Claim claim, _) in _claims)
        {
            // When nobody knows whether the entry is in the ledger, the key stays claimed until a restart finds out.
            if (failure.Retryable)
            {
                claim.Release();
            }
        }

        _writer!.Deliver(this);
    }

    /// <summary>Adds this segment's claims to those that the indexer gives free.</summary>
    internal void CollectClaims(List<Claim> claims)
    {
        foreach ((Claim claim, _) in _claims)
        {
            claims.Add(claim);
        }
    }

    private BatchTree BuildTree(long treeSize) =>
        new(new CompactRange(0, FirstIndex, LeftRange), LeafHashes, new CompactRange(FirstIndex + _count, treeSize, RightRange));

    private bool TryReserveMore(int entries, int bytes)
    {
        if (!_batch!.TryReserve(entries, bytes))
        {
            return false;
        }

        _reservedEntries += entries;
        _reservedBytes += bytes;
        return true;
    }

    private void GrowColumns()
    {
        _capacity = Math.Max(ColumnsMin, 2 * _count);
        Grow(ref _references, _count, _capacity);
        Grow(ref _leafHashes, _count, _capacity);
        Grow(ref _offsetsMs, _count, _capacity);
        Grow(ref _entryEnds, _count, _capacity);
    }

    private static void Grow<T>(ref T[] array, int used, int size)
    {
        T[] grown = ArrayPool<T>.Shared.Rent(Math.Max(size, 2 * used));
        array.AsSpan(0, used).CopyTo(grown);
        Return(ref array);
        array = grown;
    }

    private static void Return<T>(ref T[] array)
    {
        T[] returned = array;
        array = [];
        if (returned.Length > 0)
        {
            ArrayPool<T>.Shared.Return(returned);
        }
    }
}
