using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FASTER.core;
using Microsoft.Extensions.Logging;

namespace SealService.Ledger.Storage;

/// <summary>
/// Records in a FasterLog: <c>records/</c> holds its files, <c>commit/slots</c> its commit metadata, <c>lock</c> the hold on
/// the folder.
/// </summary>
/// <remarks>
/// What FasterLog leaves open is closed here: every commit's metadata is flushed before it is acknowledged; each commit
/// carries the address of its last record as its cookie, so that a scan knows where it must arrive; recovery that finds less
/// than was acknowledged is refused; a segment's name is durable with its first write (<see cref="LogDevice"/>); every wait has its end.
/// </remarks>
public sealed class FasterLogStorage : ILedgerStorage
{
    // FasterLog puts a header of 12 bytes before an entry and aligns it to 4; a page begins with up to 64 reserved bytes.
    private const int PageOverheadBytes = 128;

    private readonly FasterLogStorageOptions _options;
    private readonly string _recordsFolder;
    private readonly FolderLock _lock;
    private readonly CommitSlots _commits;
    private readonly LogDevice _device;
    private readonly FasterLog _log;
    private long _lastRecordAddress; // 0: none; owned by Open, later by the appender
    private Exception? _failure; // owned by the appender

    private FasterLogStorage(string folder, FasterLogStorageOptions options, FolderLock folderLock, ILogger logger)
    {
        _options = options;
        _lock = folderLock;
        _recordsFolder = Path.Combine(folder, "records");
        string slotsPath = Path.Combine(folder, "commit", "slots");
        _commits = OpenSlots(slotsPath);
        try
        {
            _device = new LogDevice(Path.Combine(_recordsFolder, "log"));
            _log = new FasterLog(
                new FasterLogSettings
                {
                    LogDevice = _device,
                    LogCommitManager = _commits,
                    LogChecksum = LogChecksumType.PerEntry,
                    FastCommitMode = true, // recovery reads on past the metadata and so keeps a durable tail that was not acknowledged
                    PageSize = options.PageBytes,
                    MemorySize = options.MemoryBytes,
                    SegmentSize = options.SegmentBytes,
                    TryRecoverLatest = false, // the constructor would swallow what goes wrong
                    TolerateDeviceFailure = false,
                    RemoveOutdatedCommits = false,
                },
                logger);
            Recover(slotsPath);
        }
        catch
        {
            _log?.Dispose();
            _device?.Dispose();
            _commits.Dispose();
            throw;
        }
    }

    public int RecordBytesMax => (int)_options.PageBytes - PageOverheadBytes;

    public bool IsEmpty => _lastRecordAddress == 0;

    internal CommitSlots Commits => _commits;

    /// <summary>Opens the log in a folder, or makes a new one in an empty folder.</summary>
    /// <exception cref="LedgerLockedException">The folder is in use.</exception>
    /// <exception cref="LedgerDamagedException">Commit metadata or records are missing or damaged.</exception>
    public static FasterLogStorage Open(string folder, FasterLogStorageOptions options, ILoggerFactory loggers)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        options.Validate();
        folder = Path.GetFullPath(folder);
        Directory.CreateDirectory(folder);
        FolderLock folderLock = FolderLock.Acquire(folder);
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "records"));
            Directory.CreateDirectory(Path.Combine(folder, "commit"));
            Fsync.Directory(folder);
            return new FasterLogStorage(folder, options, folderLock, loggers.CreateLogger<FasterLogStorage>());
        }
        catch
        {
            folderLock.Dispose();
            throw;
        }
    }

    public bool HasRoomFor(long bytes) => new DriveInfo(_recordsFolder).AvailableFreeSpace - bytes >= _options.FreeBytesMin;

    public async ValueTask<long> AppendAsync(ReadOnlyMemory<byte> record, CancellationToken cancellationToken)
    {
        if (_failure is not null)
        {
            throw new LedgerException("The record log failed before and takes no more records.", _failure);
        }

        ArgumentOutOfRangeException.ThrowIfZero(record.Length, nameof(record)); // a zero length would end the page for FasterLog
        ArgumentOutOfRangeException.ThrowIfGreaterThan(record.Length, RecordBytesMax, nameof(record));
        try
        {
            long address;
            SpinWait spin = default;
            while (!_log.TryEnqueue(record.Span, out address))
            {
                // The next page is still being flushed. A device that died never finishes, so the wait has its end here.
                cancellationToken.ThrowIfCancellationRequested();
                spin.SpinOnce();
            }

            byte[] cookie = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64BigEndian(cookie, address);
            if (!_log.CommitStrongly(out long tail, out long commitNumber, spinWait: false, cookie))
            {
                throw new LedgerException("FasterLog did not begin the commit.");
            }

            await _log.WaitForCommitAsync(tail, commitNumber, cancellationToken);
            await _commits.WaitForAsync(commitNumber, cancellationToken);
            _lastRecordAddress = address;
            return address;
        }
        catch (Exception) when (_device.Failure is { } cause)
        {
            _failure = cause; // FASTER tells only that there was one
            throw new LedgerException("The record log could not be written.", cause);
        }
        catch (Exception exception)
        {
            _failure = exception;
            throw;
        }
    }

    public async ValueTask<byte[]> ReadAsync(long address, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.ReadTimeout);
        try
        {
            (byte[]? bytes, int length) = await _log.ReadAsync(address, estimatedLength: 0, timeout.Token);
            if (bytes is not null && length == bytes.Length && length > 0)
            {
                return bytes;
            }
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LedgerException($"Reading {Describe(address)} took longer than {_options.ReadTimeout}.", exception);
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
        {
            throw Damaged(address, exception); // a damaged length shows in FasterLog as anything, lack of memory too
        }

        throw Damaged(address, null);
    }

    public async IAsyncEnumerable<StoredRecord> ScanAsync(long fromAddress, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // A commit record follows each record, so "until the last record" is what was asked for, not "until the tail".
        long last = _lastRecordAddress;
        long reached = 0;
        if (last != 0)
        {
            long begin = fromAddress == 0 ? _log.BeginAddress : fromAddress;
            using FasterLogScanIterator records = _log.Scan(begin, _log.CommittedUntilAddress, recover: false);
            while (reached != last && TryGetNext(records, reached, out StoredRecord record))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (reached == 0 && fromAddress != 0 && record.Address != fromAddress)
                {
                    throw Damaged(fromAddress, null);
                }

                reached = record.Address;
                yield return record;
                await Task.CompletedTask;
            }
        }

        if (reached != last)
        {
            throw new LedgerDamagedException(
                $"The record log is damaged behind {Describe(reached == 0 ? fromAddress : reached)}: it must go on to the record at "
                + $"{Describe(last)}, which was committed. Nothing was changed.");
        }
    }

    public string Describe(long address) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Path.Combine(_recordsFolder, "log")}.{address / _options.SegmentBytes} offset {address % _options.SegmentBytes}");

    public ValueTask DisposeAsync()
    {
        _log.Dispose();
        _device.Dispose();
        _commits.Dispose();
        if (_device.HasEnded)
        {
            _lock.Dispose();
        }
        else
        {
            // A write that hangs may still reach the disk: until the process ends nobody else may open the folder.
            GCHandle.Alloc(_lock);
        }

        return ValueTask.CompletedTask;
    }

    private CommitSlots OpenSlots(string path)
    {
        LogGeometry geometry = new(_options.PageBytes, _options.SegmentBytes);
        bool hasRecords = Directory.EnumerateFiles(_recordsFolder).Any();
        if (File.Exists(path))
        {
            CommitSlots slots = CommitSlots.Open(path, geometry);
            if (slots.CommitNumber > 0 && !hasRecords)
            {
                slots.Dispose();
                throw new LedgerDamagedException(
                    $"{path} says that records were committed, but {_recordsFolder} is empty. Restore it; nothing was changed.");
            }

            return slots;
        }

        if (hasRecords)
        {
            throw new LedgerDamagedException(
                $"{_recordsFolder} holds records, but the commit metadata {path} is missing. Restore it; nothing was changed.");
        }

        return CommitSlots.Create(path, geometry);
    }

    private void Recover(string slotsPath)
    {
        long acknowledgedUntil = _commits.UntilAddress;
        if (!Directory.EnumerateFiles(_recordsFolder).Any())
        {
            return;
        }

        try
        {
            _log.Recover();
        }
        catch (Exception exception) when (exception is FasterException or IOException)
        {
            throw new LedgerDamagedException(
                $"{_recordsFolder} can't be recovered to what {slotsPath} says was committed. Nothing was changed.", exception);
        }

        if (_log.CommittedUntilAddress < acknowledgedUntil)
        {
            throw new LedgerDamagedException(
                $"{_recordsFolder} ends at {Describe(_log.CommittedUntilAddress)}, but {slotsPath} says that it was committed until "
                + $"{Describe(acknowledgedUntil)}. Nothing was changed.");
        }

        // Null when there never was a commit: then nothing was acknowledged either.
        if (_log.RecoveredCookie is { Length: sizeof(long) } cookie)
        {
            _lastRecordAddress = BinaryPrimitives.ReadInt64BigEndian(cookie);
        }
    }

    private bool TryGetNext(FasterLogScanIterator records, long reached, out StoredRecord record)
    {
        try
        {
            bool found = records.GetNext(out byte[] bytes, out int length, out long address);
            record = found ? new StoredRecord(address, bytes.Length == length ? bytes : bytes[..length]) : default;
            return found;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            throw new LedgerDamagedException($"The record log can't be read behind {Describe(reached)}. Nothing was changed.", exception);
        }
    }

    private LedgerDamagedException Damaged(long address, Exception? cause) =>
        new($"There is no whole record at {Describe(address)}. Nothing was changed.", cause);
}
