using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FASTER.core;
using Microsoft.Win32.SafeHandles;
using SealService.Ledger.Sequencing;

namespace SealService.Ledger.Storage;

/// <summary>
/// FasterLog's commit metadata, kept so that a failure to write it is never acknowledged and damage to it is never mistaken
/// for an empty log. One file with two slots that are written in turn: a crash in the middle of one leaves the other.
/// </summary>
/// <remarks>
/// <code>
/// slot (4,096 bytes; commit n lies in slot n mod 2)
///  0  u32  magic "SLC1"
///  4  u32  length of the metadata, in bytes
///  8  u64  commit number; 0: the log was made and nothing has been committed yet
/// 16  u64  committed until this address
/// 24  u64  the log's page size, in bytes: addresses mean nothing with another
/// 32  u64  its segment size
/// 40       metadata, FasterLog's own format
///          SHA-256 of everything before it
/// </code>
/// FasterLog calls <see cref="Commit"/> on the thread that completed the flush and only logs what it throws; therefore the
/// appender waits for <see cref="WaitForAsync"/>, never for FasterLog alone.
/// </remarks>
internal sealed class CommitSlots : ILogCommitManager
{
    private const uint Magic = 0x534C4331;
    private const int SlotBytes = 4096;
    private const int SlotCount = 2;
    private const int HeaderBytes = 40;

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly LogGeometry _geometry;
    private readonly byte[] _slot = new byte[SlotBytes]; // owned by Commit, which FasterLog calls serially
    private readonly AsyncSignal _written = new();
    private Slot _newest; // owned by Open, later by Commit
    private long _writtenCommitNumber; // written by Commit
    private volatile Exception? _failure; // written by Commit

    private CommitSlots(string path, SafeFileHandle file, LogGeometry geometry, Slot newest)
    {
        _path = path;
        _file = file;
        _geometry = geometry;
        _newest = newest;
        _writtenCommitNumber = newest.CommitNumber;
    }

    private readonly record struct Slot(long CommitNumber, long UntilAddress, LogGeometry Geometry, byte[] Metadata);

    /// <summary>The newest commit that is on disk; 0 when nothing was ever committed.</summary>
    public long CommitNumber => Volatile.Read(ref _writtenCommitNumber);

    /// <summary>Everything before this address was committed when the slots were opened.</summary>
    public long UntilAddress => _newest.UntilAddress;

    /// <summary>Makes the file of a new log. It is durable before the first record can be.</summary>
    public static CommitSlots Create(string path, LogGeometry geometry)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        CommitSlots slots = new(path, file, geometry, default);
        try
        {
            // Both slots get their blocks now, so that a later commit changes no metadata of the file system.
            RandomAccess.Write(file, new byte[SlotBytes * SlotCount], 0);
            slots.Write(new Slot(0, 0, geometry, []));
            Fsync.Directory(Path.GetDirectoryName(path)!);
            return slots;
        }
        catch
        {
            slots.Dispose();
            throw;
        }
    }

    /// <exception cref="LedgerDamagedException">No slot is valid.</exception>
    /// <exception cref="LedgerException">The log was made with other sizes.</exception>
    public static CommitSlots Open(string path, LogGeometry geometry)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            Slot? newest = null;
            for (int i = 0; i < SlotCount; i++)
            {
                if (TryReadSlot(file, i) is { } slot && (newest is null || slot.CommitNumber > newest.Value.CommitNumber))
                {
                    newest = slot;
                }
            }

            Slot valid = newest ?? throw new LedgerDamagedException(
                $"The commit metadata {path} is damaged: neither of its slots, at offsets 0 and {SlotBytes}, has a matching checksum. "
                + "Restore the file; nothing was changed.");
            return valid.Geometry == geometry
                ? new CommitSlots(path, file, geometry, valid)
                : throw new LedgerException(
                    $"{path} says that the log was made with {valid.Geometry}; it can't be opened with {geometry}.");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Waits until a commit's metadata is durable.</summary>
    /// <exception cref="IOException">It could not be written, now or before.</exception>
    public async ValueTask WaitForAsync(long commitNumber, CancellationToken cancellationToken)
    {
        while (CommitNumber < commitNumber)
        {
            ThrowIfFailed();
            await _written.WaitAsync(cancellationToken);
        }
    }

    public void Commit(long beginAddress, long untilAddress, byte[] commitMetadata, long commitNum, bool forceWriteMetadata)
    {
        if (_failure is not null)
        {
            return; // after a failed flush the page cache can't be trusted: nothing more is written
        }

        try
        {
            Write(new Slot(commitNum, untilAddress, _geometry, commitMetadata));
            Volatile.Write(ref _writtenCommitNumber, commitNum);
        }
#pragma warning disable CA1031 // FasterLog would only log it; the appender throws it
        catch (Exception exception)
        {
            _failure = exception;
        }
#pragma warning restore CA1031

        _written.Set();
    }

    public IEnumerable<long> ListCommits() => CommitNumber == 0 ? [] : [CommitNumber];

    public byte[] GetCommitMetadata(long commitNum) => commitNum == _newest.CommitNumber ? _newest.Metadata : null!;

    public void OnRecovery(long commitNum)
    {
        // Nothing to delete: the slots are overwritten in turn.
    }

    public void RemoveCommit(long commitNum) => throw new NotSupportedException("A ledger's commits are never removed.");

    public void RemoveAllCommits() => throw new NotSupportedException("A ledger's commits are never removed.");

    public void Dispose() => _file.Dispose();

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new IOException("The commit metadata could not be written.", failure);
        }
    }

    private void Write(Slot slot)
    {
        int length = HeaderBytes + slot.Metadata.Length;
        if (length + SHA256.HashSizeInBytes > SlotBytes)
        {
            throw new InvalidOperationException($"Commit metadata of {slot.Metadata.Length} bytes does not fit into a slot.");
        }

        Span<byte> bytes = _slot;
        bytes.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Magic);
        BinaryPrimitives.WriteInt32BigEndian(bytes[4..], slot.Metadata.Length);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], slot.CommitNumber);
        BinaryPrimitives.WriteInt64BigEndian(bytes[16..], slot.UntilAddress);
        BinaryPrimitives.WriteInt64BigEndian(bytes[24..], slot.Geometry.PageBytes);
        BinaryPrimitives.WriteInt64BigEndian(bytes[32..], slot.Geometry.SegmentBytes);
        slot.Metadata.CopyTo(bytes[HeaderBytes..]);
        SHA256.HashData(bytes[..length], bytes[length..]);
        RandomAccess.Write(_file, bytes, slot.CommitNumber % SlotCount * SlotBytes);
        Fsync.Data(_file, _path);
        _newest = slot;
    }

    private static Slot? TryReadSlot(SafeFileHandle file, int number)
    {
        byte[] bytes = new byte[SlotBytes];
        if (RandomAccess.Read(file, bytes, (long)number * SlotBytes) != SlotBytes || BinaryPrimitives.ReadUInt32BigEndian(bytes) != Magic)
        {
            return null;
        }

        int metadataBytes = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4));
        if (metadataBytes < 0 || metadataBytes > SlotBytes - HeaderBytes - SHA256.HashSizeInBytes)
        {
            return null;
        }

        int length = HeaderBytes + metadataBytes;
        if (!SHA256.HashData(bytes.AsSpan(0, length)).AsSpan().SequenceEqual(bytes.AsSpan(length, SHA256.HashSizeInBytes)))
        {
            return null;
        }

        return new Slot(
            BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(8)),
            BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(16)),
            new LogGeometry(BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(24)), BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(32))),
            bytes[HeaderBytes..length]);
    }
}

/// <summary>The sizes that a log has for its lifetime.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LogGeometry(long PageBytes, long SegmentBytes)
{
    public override string ToString() => $"pages of {PageBytes} and segments of {SegmentBytes} bytes";
}
