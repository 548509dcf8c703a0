using Microsoft.Extensions.Logging;

namespace SealService.Ledger;

/// <summary>The ledger's log messages: event ids 2000 to 2099.</summary>
internal static partial class LedgerLog
{
    [LoggerMessage(2000, LogLevel.Information, "Opened {Origin}: {TreeSize} entries, {ScannedRecords} records scanned, {ElapsedMs} ms")]
    public static partial void Opened(ILogger logger, string origin, long treeSize, long scannedRecords, long elapsedMs);

    [LoggerMessage(2001, LogLevel.Information, "Created ledger {Origin}")]
    public static partial void Created(ILogger logger, string origin);

    [LoggerMessage(2002, LogLevel.Information, "Closed ledger {Origin} at tree size {TreeSize}")]
    public static partial void Closed(ILogger logger, string origin, long treeSize);

    [LoggerMessage(2010, LogLevel.Debug, "Sealed {Entries} entries of {Segments} writers: tree size {TreeSize}, {RecordBytes} bytes")]
    public static partial void Sealed(ILogger logger, int entries, int segments, long treeSize, int recordBytes);

    [LoggerMessage(2011, LogLevel.Error, "{Entries} entries were not sealed and not persisted; the tree size would have been {TreeSize}")]
    public static partial void NotSealed(ILogger logger, long treeSize, int entries, Exception exception);

    [LoggerMessage(2012, LogLevel.Critical, "The ledger's state is unknown; it stops until it is opened again")]
    public static partial void Faulted(ILogger logger, Exception exception);

    [LoggerMessage(2020, LogLevel.Warning, "Derived data in {Folder} is rebuilt from the records: {Reason}")]
    public static partial void RebuildingDerived(ILogger logger, string folder, string reason);

    [LoggerMessage(2021, LogLevel.Debug, "Wrote a snapshot at tree size {TreeSize}")]
    public static partial void SnapshotWritten(ILogger logger, long treeSize);

    [LoggerMessage(2022, LogLevel.Warning, "The last snapshot could not be written; the next start scans more records")]
    public static partial void SnapshotFailed(ILogger logger, Exception exception);
}
