using System.Diagnostics;
using Microsoft.Extensions.Logging;
using SealService.Ledger.Derived;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// An append-only Merkle ledger: entries go in through <see cref="LedgerWriter"/>s and come back sealed, each batch under one
/// signature; entries, receipts and proofs are read here. Safe for use from any thread.
/// </summary>
public sealed class SealLedger : IAsyncDisposable
{
    private readonly LedgerOptions _options;
    private readonly ILedgerStorage _storage;
    private readonly DerivedData _derived;
    private readonly LedgerIndexer _indexer;
    private readonly LedgerSequencer _sequencer;
    private readonly SharedWriter _shared;
    private readonly RecordReader _records;
    private readonly LedgerReader _reader;
    private readonly ClaimRegistry _claims;
    private readonly LedgerFault _fault;
    private readonly LedgerMetrics _metrics;
    private readonly ILogger _logger;
    private readonly Task _sequencing;
    private readonly Task _indexing;
    private int _disposed; // interlocked

    private SealLedger(
        LedgerOptions options,
        ILedgerStorage storage,
        LedgerRecovery recovered,
        RecordAppender appender,
        CheckpointAuthority authority,
        LedgerFault fault,
        TimeProvider time,
        ILogger logger)
    {
        _options = options;
        _storage = storage;
        _derived = recovered.Derived;
        _indexer = recovered.Indexer;
        _fault = fault;
        _logger = logger;
        _metrics = new LedgerMetrics(options.Origin, () => _sequencer?.Head.TreeSize ?? 0, () => _sequencer?.EntriesWaiting ?? 0);
        _records = new RecordReader(storage, _derived.Batches, options.RecordCacheBytesMax, options.RecordReadsMax);
        _reader = new LedgerReader(_derived, _indexer, _records, () => Head);
        _claims = new ClaimRegistry(_reader.FindSealedAsync);

        // Whatever the machine's clock says now, no entry gets a lower time than those that are there.
        LedgerClock clock = new(time);
        clock.AdvanceTo(recovered.LastSealedAtUnixMs);
        _sequencer = new LedgerSequencer(
            options, new BatchSealer(appender, authority, _metrics, time), clock, new SegmentPool(options.EntriesPerSegmentMax, _claims),
            _indexer, fault, recovered.Edge, recovered.Head, _metrics, logger);
        _shared = new SharedWriter(CreateWriter(), fault);
        _sequencing = Task.Run(_sequencer.RunAsync);
        _indexing = _indexer.RunAsync();
        _ = StopOnFaultAsync();
    }

    /// <summary>The newest durable signed head. A new ledger has one of no entries.</summary>
    public SignedHead Head => _sequencer.Head;

    /// <summary>
    /// Completes, with what went wrong, when the ledger's state has become unknown. The process should end: only opening the
    /// ledger again tells what is in it.
    /// </summary>
    public Task<Exception> Faulted => _fault.Raised;

    /// <summary>Opens a ledger, or begins one where there are no records.</summary>
    /// <param name="options">Its limits.</param>
    /// <param name="storage">Its records; the ledger disposes of it, also when it can't be opened.</param>
    /// <param name="key">The key that its heads are signed with; its name is the origin.</param>
    /// <param name="signer">The way to that key's signatures.</param>
    /// <param name="time">The machine's time.</param>
    /// <param name="loggers">Where to log to.</param>
    /// <param name="cancellationToken">Ends the opening.</param>
    /// <exception cref="LedgerDamagedException">Records are damaged or missing; the message names the place.</exception>
    /// <exception cref="LedgerException">The ledger belongs to another key, or its first head could not be signed.</exception>
    public static async Task<SealLedger> OpenAsync(
        LedgerOptions options, ILedgerStorage storage, VerifierKey key, CheckpointSigner signer, TimeProvider time, ILoggerFactory loggers,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(signer);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(loggers);
        try
        {
            options.Validate();
            RequireFit(options, storage, key);
            return await OpenCoreAsync(options, storage, key, signer, time, loggers.CreateLogger<SealLedger>(), cancellationToken);
        }
        catch
        {
            await storage.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Reads all records of a ledger that is not open, from the first on, and checks them as recovery does: framing,
    /// checksums, dense indexes, the root after each record against that record's checkpoint, the signed snapshot. Beyond it
    /// every checkpoint's signature is verified. Damage in old records, which no start reads, shows here. Nothing is written.
    /// </summary>
    /// <param name="options">Its folder and origin.</param>
    /// <param name="storage">Its records; the caller's.</param>
    /// <param name="key">The key that its heads are signed with; its name is the origin.</param>
    /// <param name="progress">Told the number of entries so far, after each record; null when nobody wants to know.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The newest head.</returns>
    /// <exception cref="LedgerDamagedException">Records are damaged or missing; the message names the place.</exception>
    /// <exception cref="LedgerException">There is no ledger, or a checkpoint is by another key.</exception>
    public static Task<SignedHead> VerifyRecordsAsync(
        LedgerOptions options, ILedgerStorage storage, VerifierKey key, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(key);
        options.Validate();
        RequireFit(options, storage, key);
        CheckpointSigner none = static (_, _) => throw new NotSupportedException("Verifying signs nothing.");
        CheckpointAuthority authority = new(options.Origin, key, none, options.SigningTimeout, TimeProvider.System);
        return new RecordVerification(storage, authority, options).RunAsync(progress, cancellationToken);
    }

    /// <summary>A writer for one call that brings many documents.</summary>
    public LedgerWriter CreateWriter() => new(_sequencer);

    /// <summary>
    /// Seals one document with a receipt of its own: waits for room in a batch, and then until the batch is durable and the document's
    /// proof is verified.
    /// </summary>
    /// <param name="document">The document. Its claim, if it has one, belongs to the ledger once the document is in a batch.</param>
    /// <param name="cancellationToken">Ends the waiting; a document that is in a batch may be sealed all the same.</param>
    /// <exception cref="ArgumentException">No entry can have these fields, or the claim is spent, or another ledger's.</exception>
    public ValueTask<SealOutcome> SealAsync(in DocumentSeal document, CancellationToken cancellationToken) =>
        _shared.SealAsync(new WaitingDocument(document), cancellationToken);

    /// <summary>Claims an idempotency key for a document, before it is added.</summary>
    /// <param name="idempotencyKeySha256">SHA-256 of the key.</param>
    /// <param name="digest">SHA-256 of the document.</param>
    /// <param name="cancellationToken">Gives up; nothing is claimed then.</param>
    public ValueTask<ClaimResult> ClaimAsync(MerkleHash idempotencyKeySha256, MerkleHash digest, CancellationToken cancellationToken) =>
        _claims.ClaimAsync(idempotencyKeySha256, digest, cancellationToken);

    /// <summary>The newest head, as soon as it has more than <paramref name="treeSize"/> entries.</summary>
    /// <exception cref="LedgerException">The ledger has stopped.</exception>
    public ValueTask<SignedHead> WaitForHeadAfterAsync(long treeSize, CancellationToken cancellationToken) =>
        _sequencer.WaitForHeadAfterAsync(treeSize, cancellationToken);

    /// <summary>An entry's receipt against the newest head; null when there is no such entry.</summary>
    public ValueTask<Receipt?> GetReceiptAsync(long index, CancellationToken cancellationToken) =>
        _reader.GetReceiptAsync(index, cancellationToken);

    /// <summary>
    /// Entries in order: at most <paramref name="count"/>, up to the ledger's size at the time of the call.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="firstIndex"/> is beyond the ledger's size.</exception>
    public IAsyncEnumerable<EntryBundle> ReadEntriesAsync(long firstIndex, long count, CancellationToken cancellationToken) =>
        _reader.ReadEntriesAsync(firstIndex, count, cancellationToken);

    /// <summary>The proof that an entry is in the tree of a size.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such entry or no such tree.</exception>
    public ValueTask<ProvenInclusion> GetInclusionProofAsync(long index, long treeSize, CancellationToken cancellationToken) =>
        _reader.GetInclusionProofAsync(index, treeSize, cancellationToken);

    /// <summary>The proof that one tree is a prefix of another.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such tree, or the first is larger than the second.</exception>
    public ValueTask<ProvenConsistency> GetConsistencyProofAsync(long firstSize, long secondSize, CancellationToken cancellationToken) =>
        _reader.GetConsistencyProofAsync(firstSize, secondSize, cancellationToken);

    /// <summary>
    /// Hashes of a C2SP tlog-tiles tile, <c>/tile/level/number</c>, from its left: 256 for the full tile, fewer for a partial
    /// one.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The newest head's tree has no such tile of that width.</exception>
    public ValueTask<MerkleHash[]> ReadTileAsync(int level, long number, int width, CancellationToken cancellationToken) =>
        _reader.ReadTileAsync(level, number, width, cancellationToken);

    /// <summary>The entries that have a key, the newest first.</summary>
    /// <param name="kind">What the key is.</param>
    /// <param name="key">The key.</param>
    /// <param name="pageSize">At most so many; from 1 to <see cref="LedgerOptions.FindPageSizeMax"/>.</param>
    /// <param name="before">Only entries below this index; <see cref="long.MaxValue"/> for the first page.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    public ValueTask<FoundEntries> FindAsync(
        LookupKind kind, ReadOnlyMemory<byte> key, int pageSize, long before, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfEqual((int)kind, (int)LookupKind.None, nameof(kind));
        ArgumentOutOfRangeException.ThrowIfLessThan(pageSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pageSize, _options.FindPageSizeMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, LogEntry.DocumentIdBytesMax, nameof(key));
        return _reader.FindAsync(kind, key, pageSize, before, cancellationToken);
    }

    /// <summary>Takes no more entries, seals those that were accepted, writes a snapshot and lets go of the folder.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _sequencer.Stop();
        await _sequencing;
        await _shared.CompleteAsync();
        _indexer.Complete();
        await _indexing;
        _records.Dispose();
        _derived.Dispose();
        await _storage.DisposeAsync();
        _metrics.Dispose();
        LedgerLog.Closed(_logger, _options.Origin, Head.TreeSize);
    }

    private static async Task<SealLedger> OpenCoreAsync(
        LedgerOptions options, ILedgerStorage storage, VerifierKey key, CheckpointSigner signer, TimeProvider time, ILogger logger,
        CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        LedgerFault fault = new(logger);
        CheckpointAuthority authority = new(options.Origin, key, signer, options.SigningTimeout, time);
        RecordAppender appender = new(storage, options.AppendTimeout, time);
        LedgerRecovery recovery = new(storage, appender, authority, options, fault, logger);
        await recovery.RunAsync(cancellationToken);
        SealLedger ledger = new(options, storage, recovery, appender, authority, fault, time, logger);
        long elapsedMs = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        LedgerLog.Opened(logger, options.Origin, ledger.Head.TreeSize, recovery.ScannedRecords, elapsedMs);
        return ledger;
    }

    private static void RequireFit(LedgerOptions options, ILedgerStorage storage, VerifierKey key)
    {
        if (!string.Equals(key.Name, options.Origin, StringComparison.Ordinal))
        {
            throw new ArgumentException($"The key is named {key.Name}, but the ledger's origin is {options.Origin}.", nameof(key));
        }

        if (options.BatchBytesMax > storage.RecordBytesMax - LedgerOptions.RecordOverheadBytesMax)
        {
            throw new ArgumentException(
                $"{nameof(LedgerOptions)}.{nameof(LedgerOptions.BatchBytesMax)} is {options.BatchBytesMax}, but a record holds "
                + $"{storage.RecordBytesMax} bytes, {LedgerOptions.RecordOverheadBytesMax} of them for the checkpoint.",
                nameof(options));
        }
    }

    private async Task StopOnFaultAsync()
    {
        Exception exception = await _fault.Raised;
        _claims.FailAll(new LedgerException("Whether the document is sealed is not known.", exception));
        _sequencer.Wake();
    }
}
