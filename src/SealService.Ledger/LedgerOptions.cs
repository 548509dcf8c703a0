using System.Text;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>The limits of one ledger. Every queue, buffer and wait of the ledger has its maximum here.</summary>
public sealed record LedgerOptions
{
    /// <summary>The most bytes that a checkpoint note, the record's header and its checksum take beside the entries.</summary>
    internal const int RecordOverheadBytesMax = 8 * 1024;

    /// <summary>The ledger's data folder. One process at a time; made when it is absent.</summary>
    public required string Folder { get; init; }

    /// <summary>The origin line of the ledger's checkpoints; it must be the name of the ledger's key (C2SP tlog-checkpoint).</summary>
    public required string Origin { get; init; }

    /// <summary>The most entries that one batch takes. Default: 32,768.</summary>
    public int EntriesPerBatchMax { get; init; } = 32 * 1024;

    /// <summary>A batch with fewer entries is not signed while the one before it is being written, but after. Default: 16,384.</summary>
    public int EntriesBesideWriteMin { get; init; } = 16 * 1024;

    /// <summary>
    /// After a batch of at least <see cref="EntriesForIntervalMin"/> entries the next one is closed so much later at the earliest, unless
    /// it is full. Default: 2 ms.
    /// </summary>
    public TimeSpan BatchInterval { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>So many entries in a batch say that more will come soon. Default: 64.</summary>
    public int EntriesForIntervalMin { get; init; } = 64;

    /// <summary>
    /// After a batch of at least <see cref="EntriesForLongIntervalMin"/> entries, or of documents of <see cref="DocumentBytesForLongIntervalMin"/>
    /// bytes, this takes the place of <see cref="BatchInterval"/>, if it is longer and as long as entries keep coming. Default: 12 ms.
    /// </summary>
    public TimeSpan LongBatchInterval { get; init; } = TimeSpan.FromMilliseconds(12);

    /// <summary>
    /// So many entries in a batch say that documents come as fast as the processor can take them, and that each batch less leaves more of it
    /// to them. Default: 6,144.
    /// </summary>
    public int EntriesForLongIntervalMin { get; init; } = 6 * 1024;

    /// <summary>So many bytes of documents that were hashed here (of each at most 128 KiB) say the same, if there are many. Default: 6 MiB.</summary>
    public long DocumentBytesForLongIntervalMin { get; init; } = 6 * 1024 * 1024;

    /// <summary>
    /// The most bytes of entries that one batch takes, with their two-byte length prefixes. A batch is one storage record, so
    /// this and <see cref="RecordOverheadBytesMax"/> must fit into <c>ILedgerStorage.RecordBytesMax</c>. Default: 3.5 MiB.
    /// </summary>
    public int BatchBytesMax { get; init; } = 3584 * 1024;

    /// <summary>
    /// The most entries that one writer adds to one batch. It bounds the size of one compact answer: some 45 bytes an
    /// entry. Default: 16,384.
    /// </summary>
    public int EntriesPerSegmentMax { get; init; } = 16 * 1024;

    /// <summary>How many sealed segments of one writer may wait to be read before it can't enter any more. Default: 4.</summary>
    public int UnreadSegmentsPerWriterMax { get; init; } = 4;

    /// <summary>
    /// The most bytes of sealed segments that may wait to be read and disposed of, over all writers. Above it a writer that
    /// has such segments itself can't enter; one that has none can, so the ledger's memory may go over it by one segment a
    /// writer. Default: 256 MiB.
    /// </summary>
    public long UnreadBytesMax { get; init; } = 256L << 20;

    /// <summary>How long one signature may take before the batch is failed as not sealed. Default: 10 s.</summary>
    public TimeSpan SigningTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one append may take before the ledger's state counts as unknown and it stops. Default: 30 s.</summary>
    public TimeSpan AppendTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A snapshot of the tree is written after so many entries; a restart scans at most that many and those not yet indexed.
    /// Default: 1,000,000.
    /// </summary>
    public long EntriesPerSnapshot { get; init; } = 1_000_000;

    /// <summary>
    /// The memory of sealed batches that may wait for the indexer, before sealing waits for it; the batch that goes over it included,
    /// it may be so much more. Default: 32 MiB, some 150,000 entries.
    /// </summary>
    public long BytesAwaitingIndexMax { get; init; } = 32L << 20;

    /// <summary>
    /// The most keys that the lookup index holds in memory before it writes them as a sorted run (about 70 bytes each).
    /// Default: 262,144.
    /// </summary>
    public int IndexKeysInMemoryMax { get; init; } = 256 * 1024;

    /// <summary>The memory for records that were read lately. Default: 64 MiB.</summary>
    public int RecordCacheBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>
    /// How many records may be read from the storage at once; further reads wait. Each takes up to
    /// <see cref="BatchBytesMax"/> of memory. Default: 16.
    /// </summary>
    public int RecordReadsMax { get; init; } = 16;

    /// <summary>The most entries that one find returns. Default: 1,000.</summary>
    public int FindPageSizeMax { get; init; } = 1_000;

    internal string DerivedFolder => Path.Combine(Folder, "derived");

    /// <summary>Checks every limit.</summary>
    /// <exception cref="ArgumentException">A value is outside of its range; the message names the option.</exception>
    public void Validate()
    {
        Require(!string.IsNullOrWhiteSpace(Folder), nameof(Folder), "must name a folder");
        Require(!string.IsNullOrWhiteSpace(Origin), nameof(Origin), "must not be empty");
        RequireRange(Encoding.UTF8.GetByteCount(Origin), 1, Checkpoint.OriginBytesMax, nameof(Origin));
        RequireRange(EntriesPerBatchMax, 1, 1 << 20, nameof(EntriesPerBatchMax));
        RequireRange(EntriesBesideWriteMin, 0, int.MaxValue, nameof(EntriesBesideWriteMin));
        Require(BatchInterval >= TimeSpan.Zero && BatchInterval.TotalSeconds <= 10, nameof(BatchInterval), $"must be from 0 to 10 s, but is {BatchInterval}");
        RequireRange(EntriesForIntervalMin, 0, int.MaxValue, nameof(EntriesForIntervalMin));
        Require(LongBatchInterval >= TimeSpan.Zero && LongBatchInterval.TotalSeconds <= 10, nameof(LongBatchInterval), $"must be from 0 to 10 s, but is {LongBatchInterval}");
        RequireRange(EntriesForLongIntervalMin, EntriesForIntervalMin, int.MaxValue, nameof(EntriesForLongIntervalMin));
        Require(DocumentBytesForLongIntervalMin >= 0, nameof(DocumentBytesForLongIntervalMin), $"must be 0 or more, but is {DocumentBytesForLongIntervalMin}");
        // One entry of the greatest size must fit, or its writer would wait for ever.
        RequireRange(BatchBytesMax, 4 * 1024, 1 << 28, nameof(BatchBytesMax));
        RequireRange(EntriesPerSegmentMax, 1, 1 << 20, nameof(EntriesPerSegmentMax));
        RequireRange(UnreadSegmentsPerWriterMax, 1, 1024, nameof(UnreadSegmentsPerWriterMax));
        RequireRange(UnreadBytesMax, 1, long.MaxValue, nameof(UnreadBytesMax));
        RequireRange(SigningTimeout, nameof(SigningTimeout));
        RequireRange(AppendTimeout, nameof(AppendTimeout));
        RequireRange(EntriesPerSnapshot, 1, long.MaxValue, nameof(EntriesPerSnapshot));
        RequireRange(BytesAwaitingIndexMax, 0, 1L << 40, nameof(BytesAwaitingIndexMax));
        RequireRange(IndexKeysInMemoryMax, 16, 1 << 24, nameof(IndexKeysInMemoryMax));
        RequireRange(RecordCacheBytesMax, 0, int.MaxValue, nameof(RecordCacheBytesMax));
        RequireRange(RecordReadsMax, 1, 1024, nameof(RecordReadsMax));
        RequireRange(FindPageSizeMax, 1, 100_000, nameof(FindPageSizeMax));
    }

    private static void RequireRange(long value, long min, long max, string option) =>
        Require(value >= min && value <= max, option, $"must be from {min} to {max}, but is {value}");

    private static void RequireRange(TimeSpan value, string option) =>
        Require(value > TimeSpan.Zero && value.TotalHours <= 1, option, $"must be more than zero and at most an hour, but is {value}");

    private static void Require(bool condition, string option, string what)
    {
        if (!condition)
        {
            throw new ArgumentException($"{nameof(LedgerOptions)}.{option} {what}.", option);
        }
    }
}
