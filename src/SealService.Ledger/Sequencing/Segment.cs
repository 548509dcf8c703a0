using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Runtime.InteropServices;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// What one writer adds to one batch, as columns in pooled arrays. The writer owns it while its batch is open, the sequencer
/// from the close of the batch until it is delivered, and then the <see cref="SealedSegment"/> that it is read through.
/// </summary>
internal sealed class Segment : IDisposable
{
    public const int EntryPrefixBytes = RecordCodec.EntryPrefixBytes;

    // The first entries take exactly what they need, so that a thousand callers with one document each fit into a batch;
    // later ones take more at once, so that a busy writer does not touch the shared counters for each.
    private const int ReservedBytesMax = 4096;
    private const int ReservedEntriesMax = 64;
    private const int ColumnsMin = 16;
    private const int CountedBytesMax = 128 * 1024;
    private const int LeavesHashedAtOnce = Sha256Group.MessagesMax;

    private readonly SegmentPool _pool;
    private readonly byte[] _saltKey = new byte[SaltGenerator.KeyBytes];
    private readonly SaltGenerator _salts = new();
    private readonly MerkleHash[] _leftRange = new MerkleHash[CompactRange.HashCountMax];
    private readonly MerkleHash[] _rightRange = new MerkleHash[CompactRange.HashCountMax];
    private readonly List<(Claim Claim, int Position)> _claims = [];
    private OpenBatch? _batch;
    private LedgerWriter? _writer;
    private byte[] _entries = []; // an entry bundle: (u16be length, entry) repeated
    private int[] _entryEnds = [];
    private ulong[] _references = [];
    private MerkleHash[] _leafHashes = [];
    private uint[] _offsetsMs = [];
    private int _capacity; // of the four columns above
    private int _count;
    private int _leafHashCount;
    private uint _entriesChecksum; // CRC-32C of the entries that have a leaf hash, with their lengths
    private uint _leavesChecksum; // CRC-32C of the leaf hashes
    private int _entriesBytes;
    private int _reservedEntries;
    private int _reservedBytes;
    private int _leftCount;
    private int _rightCount;
    private long _unreadBytes; // what it counts for as an unread segment; 0 when it was not delivered

    public Segment(SegmentPool pool) => _pool = pool;

    public LedgerFailure? Failure { get; private set; }

    public SignedHead? Head { get; private set; }

    public int Count => _count;

    /// <summary>The bytes of the documents whose digests this server computed, of each at most 128 KiB: one that took seconds says nothing of the load.</summary>
    public long DocumentBytes { get; private set; }

    public long FirstIndex { get; private set; }

    public long SealedAtUnixMs { get; private set; }

    public ReadOnlySpan<ulong> References => _references.AsSpan(0, _count);

    /// <summary>Complete after <see cref="HashLeaves"/>.</summary>
    public ReadOnlySpan<MerkleHash> LeafHashes => _leafHashes.AsSpan(0, _count);

    public ReadOnlySpan<MerkleHash> LeftRange => _leftRange.AsSpan(0, _leftCount);

    public ReadOnlySpan<MerkleHash> RightRange => _rightRange.AsSpan(0, _rightCount);

    public ReadOnlySpan<byte> SaltKey => _saltKey;

    /// <summary>Times never go down within a segment: when the last offset is zero, all are.</summary>
    public ReadOnlySpan<uint> SealedAtOffsetsMs => _count > 0 && _offsetsMs[_count - 1] != 0 ? _offsetsMs.AsSpan(0, _count) : [];

    /// <summary>The entries as an entry bundle.</summary>
    public ReadOnlySpan<byte> EntryBundle => _entries.AsSpan(0, _entriesBytes);

    public ReadOnlyMemory<byte> GetEntry(int position)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)_count, nameof(position));
        int begin = position == 0 ? 0 : _entryEnds[position - 1];
        return _entries.AsMemory(begin + EntryPrefixBytes, _entryEnds[position] - begin - EntryPrefixBytes);
    }

    /// <param name="writer">Who adds.</param>
    /// <param name="batch">What it is a part of.</param>
    /// <param name="firstEntryBytes">The size of the first entry, which has its room in the batch already.</param>
    /// <param name="unixMs">The time of the first entry.</param>
    /// <param name="expected">
    /// What the writer added to its last segment: buffers that have the size at once need not grow. Heeded as far as <see cref="OpenBatch.TryExpect"/> allows.
    /// </param>
    public void Begin(LedgerWriter writer, OpenBatch batch, int firstEntryBytes, long unixMs, (int Entries, int Bytes) expected = default)
    {
        _writer = writer;
        _batch = batch;
        _count = 0;
        _leafHashCount = 0;
        _entriesChecksum = 0;
        _leavesChecksum = 0;
        _entriesBytes = 0;
        _reservedEntries = 1;
        _reservedBytes = firstEntryBytes + EntryPrefixBytes;
        _leftCount = 0;
        _rightCount = 0;
        Failure = null;
        Head = null;
        DocumentBytes = 0;
        FirstIndex = -1;
        SealedAtUnixMs = unixMs;
        RandomNumberGenerator.Fill(_saltKey);
        _salts.Rekey(_saltKey);
        if (expected.Bytes > 0 && !batch.TryExpect(expected.Bytes))
        {
            expected = default;
        }

        GrowColumns(expected.Entries);
        Grow(ref _entries, 0, Math.Max(_reservedBytes, expected.Bytes));
    }

    /// <summary>Makes sure that the batch and this segment have room for an entry.</summary>
    public bool TryReserve(int entryBytes, long unixMs)
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

    /// <summary>Salts an entry and writes it into room that was reserved.</summary>
    public void Add(ulong reference, ref LogEntry entry, int entryBytes, Claim? claim)
    {
        int end = _entriesBytes + EntryPrefixBytes + entryBytes;
        if (end > _entries.Length)
        {
            Grow(ref _entries, _entriesBytes, end);
        }

        if (_count == _capacity)
        {
            GrowColumns(2 * _count);
        }

        Span<byte> destination = _entries.AsSpan(_entriesBytes);
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)entryBytes);
        entry.Salt = _salts.GetSalt(_count);
        LogEntryCodec.Write(entry, destination[EntryPrefixBytes..]);
        _references[_count] = reference;
        _offsetsMs[_count] = (uint)(entry.SealedAtUnixMs - SealedAtUnixMs);
        _entryEnds[_count] = end;
        if (claim is not null)
        {
            // Last of all that can fail: a claim that is taken without its entry would block its key.
            _claims.EnsureCapacity(_claims.Count + 1);
            _pool.Take(claim);
            _claims.Add((claim, _count));
        }

        _entriesBytes = end;
        _count++;
        DocumentBytes += entry.Kind == EntryKind.Document ? Math.Min(entry.DocumentSizeBytes, CountedBytesMax) : 0;
        if (_count - _leafHashCount == LeavesHashedAtOnce)
        {
            HashLeaves();
        }
    }

    /// <summary>Computes the leaf hashes of the entries that have none yet; the last time before its writer leaves the batch.</summary>
    public void HashLeaves()
    {
        int begin = _leafHashCount == 0 ? 0 : _entryEnds[_leafHashCount - 1];
        ReadOnlySpan<byte> entries = EntryBundle[begin..];
        Span<MerkleHash> hashes = _leafHashes.AsSpan(_leafHashCount, _count - _leafHashCount);
        uint checksum = Crc32C.Append(_entriesChecksum, entries); // first: what changes between the two is in the hash and not in the checksum
        TreeHasher.HashLeaves(entries, hashes);
        _entriesChecksum = checksum;
        _leavesChecksum = Crc32C.Append(_leavesChecksum, MemoryMarshal.AsBytes(hashes));
        _leafHashCount = _count;
    }

    /// <summary>Copies the entries, as an entry bundle, and their leaf hashes, and checks that the copies are what was hashed.</summary>
    /// <returns>False when a bit has changed on either side since <see cref="HashLeaves"/>, or an entry was not hashed.</returns>
    public bool TryCopy(Span<byte> entries, Span<MerkleHash> leafHashes)
    {
        EntryBundle.CopyTo(entries);
        LeafHashes.CopyTo(leafHashes);
        return _leafHashCount == _count
            && Crc32C.Compute(entries[.._entriesBytes]) == _entriesChecksum
            && Crc32C.Compute(MemoryMarshal.AsBytes(leafHashes[.._count])) == _leavesChecksum;
    }

    /// <summary>
    /// Gives the segment its place in the tree, and checks what its reader will be given as the reader can: left range,
    /// leaves and right range make the root.
    /// </summary>
    public bool TryPlace(long firstIndex, BatchTree tree)
    {
        FirstIndex = firstIndex;
        _leftCount = tree.WriteLeftRange(firstIndex, _leftRange);
        _rightCount = tree.WriteRightRange(firstIndex + _count, _rightRange);
        using BatchTree own = BuildTree(tree.TreeSize);
        return own.RootHash == tree.RootHash;
    }

    /// <summary>The memory that it holds until it is released; said once, when it is delivered.</summary>
    public long MarkUnread()
    {
        const int columnsBytes = sizeof(ulong) + MerkleHash.Size + sizeof(uint) + sizeof(int);
        return _unreadBytes = _entries.Length + ((long)_capacity * columnsBytes);
    }

    public void CompleteSealed(SignedHead head)
    {
        Head = head;
        foreach ((Claim claim, int position) in _claims)
        {
            claim.Seal(FirstIndex + position);
        }

        _writer!.Deliver(this);
    }

    public void CompleteFailed(LedgerFailure failure)
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
    public void CollectClaims(List<Claim> claims)
    {
        foreach ((Claim claim, _) in _claims)
        {
            claims.Add(claim);
        }
    }

    public BatchTree BuildTree(long treeSize) =>
        new(new CompactRange(0, FirstIndex, LeftRange), LeafHashes, new CompactRange(FirstIndex + _count, treeSize, RightRange));

    /// <summary>Gives the arrays and itself back to their pools. To be called once.</summary>
    public void Release()
    {
        LedgerWriter? writer = _writer;
        long unreadBytes = _unreadBytes;
        _unreadBytes = 0;
        _writer = null;
        _batch = null;
        Head = null;
        _claims.Clear();
        Return(ref _entries);
        Return(ref _entryEnds);
        Return(ref _references);
        Return(ref _leafHashes);
        Return(ref _offsetsMs);
        _capacity = 0;
        _count = 0;
        _leafHashCount = 0;
        _pool.Return(this); // from here on it may be another writer's
        if (unreadBytes > 0)
        {
            writer!.GiveBack(unreadBytes);
        }
    }

    /// <summary>For a segment that the pool has no room for.</summary>
    public void Dispose() => _salts.Dispose();

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

    private void GrowColumns(int capacity)
    {
        _capacity = Math.Max(ColumnsMin, capacity);
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
