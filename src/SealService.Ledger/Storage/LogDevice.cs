using System.Collections.Concurrent;
using FASTER.core;
using Microsoft.Win32.SafeHandles;

namespace SealService.Ledger.Storage;

/// <summary>
/// The files of a FasterLog, <c>PATH.N</c> for segment <em>N</em>. A write is durable before it is called back; it goes past the page cache
/// where the file system can (<see cref="DirectIo"/>): what is written once and seldom read would only push out what is read.
/// A file's name is durable with the first write.
/// </summary>
/// <remarks>
/// FASTER's own device writes through the page cache with O_SYNC, on the pool's threads. This one has a thread of its own, which writes
/// in the order of the calls; there is one committer, so there is nothing to overlap. Reads go through the page cache.
/// </remarks>
internal sealed unsafe class LogDevice : StorageDeviceBase
{
    private const uint Failed = uint.MaxValue;
    private const int EINVAL = 22;

    // A disk that died may never finish a write.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<int, SafeFileHandle> _readers = new();
    private readonly object _monitor = new(); // a BlockingCollection's reader spins before it blocks
    private readonly Queue<Write> _writes = new(); // guarded by _monitor
    private readonly Thread _writer;
    private SafeFileHandle? _file; // of the segment that is being written; owned by the writer, as are the next two
    private int _segment = -1;
    private volatile Exception? _failure;
    private bool _completed; // guarded by _monitor

    public LogDevice(string path)
        : base(path, DirectIo.Alignment, Devices.CAPACITY_UNSPECIFIED)
    {
        _writer = new Thread(WriteAll) { IsBackground = true, Name = "ledger log" };
        _writer.Start();
    }

    /// <summary>Why a write failed, after which all fail: what the disk holds then is not known.</summary>
    public Exception? Failure => _failure;

    public override void WriteAsync(
        IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        lock (_monitor)
        {
            _writes.Enqueue(new Write(sourceAddress, segmentId, (long)destinationAddress, (int)numBytesToWrite, callback, context));
            Monitor.Pulse(_monitor);
        }
    }

    public override void ReadAsync(
        int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            _ =>
            {
                uint count = 0;
                uint error = 0;
                try
                {
                    count = Read(segmentId, (long)sourceAddress, new Span<byte>((void*)destinationAddress, (int)readLength));
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
                {
                    error = Failed;
                }

                callback(error, count, context);
            },
            null);

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result) =>
        throw new NotSupportedException("A ledger's records are never removed.");

    /// <summary>Whether no write is under way any more; after <see cref="Dispose"/>.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Ends when all writes are done, or when the wait for that is over.</summary>
    public override void Dispose()
    {
        lock (_monitor)
        {
            _completed = true;
            Monitor.Pulse(_monitor);
        }

        HasEnded = _writer.Join(EndPatience);
        foreach (SafeFileHandle reader in _readers.Values)
        {
            reader.Dispose();
        }
    }

    private void WriteAll()
    {
        while (TryTake(out Write write))
        {
            if (_failure is null)
            {
                try
                {
                    WriteDurably(write);
                }
#pragma warning disable CA1031 // FASTER has error codes only; the storage throws it
                catch (Exception exception)
                {
                    _failure = exception;
                }
#pragma warning restore CA1031
            }

            bool isDurable = _failure is null;
            write.Callback(isDurable ? 0 : Failed, isDurable ? (uint)write.Length : 0, write.Context);
        }

        _file?.Dispose();
    }

    private bool TryTake(out Write write)
    {
        lock (_monitor)
        {
            while (!_writes.TryDequeue(out write) && !_completed)
            {
                Monitor.Wait(_monitor);
            }

            return write.Callback is not null;
        }
    }

    private void WriteDurably(in Write write)
    {
        string path = GetSegmentFilename(FileName, write.Segment);
        bool opens = _file is null || _segment != write.Segment;
        if (opens)
        {
            _file?.Dispose();
            _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
            DirectIo.TryEnable(_file);
            _segment = write.Segment;
        }

        ReadOnlySpan<byte> bytes = new((void*)write.Source, write.Length);
        try
        {
            RandomAccess.Write(_file!, bytes, write.Offset);
        }
        catch (IOException exception) when (exception.HResult == EINVAL && DirectIo.TryDisable(_file!))
        {
            // Some file systems take the flag but not the write; and the rest of one that stopped halfway need not be aligned.
            RandomAccess.Write(_file!, bytes, write.Offset);
        }

        Fsync.Data(_file!, path);
        if (opens)
        {
            Fsync.Directory(Path.GetDirectoryName(path)!);
        }
    }

    /// <summary>Reads as much as there is.</summary>
    private uint Read(int segment, long offset, Span<byte> destination)
    {
        SafeFileHandle file = _readers.GetOrAdd(
            segment, static (segment, path) => File.OpenHandle($"{path}.{segment}", FileMode.Open, FileAccess.Read, FileShare.ReadWrite), FileName);
        int total = 0;
        while (total < destination.Length && RandomAccess.Read(file, destination[total..], offset + total) is > 0 and int count)
        {
            total += count;
        }

        return (uint)total;
    }

    private readonly record struct Write(
        IntPtr Source, int Segment, long Offset, int Length, DeviceIOCompletionCallback Callback, object Context);
}
