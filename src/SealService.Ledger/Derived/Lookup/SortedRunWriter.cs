using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>Writes one sorted run front to back: keys arrive in order, and with them the filter's blocks.</summary>
internal sealed class SortedRunWriter : IDisposable
{
    private const int BufferedKeysMax = 8 * 1024; // 128 KiB a write
    private const int BufferedBlocksMax = 1024; // 32 KiB a write

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly RunHeader _header;
    private readonly KeyPosition[] _keys = new KeyPosition[BufferedKeysMax];
    private readonly uint[] _blocks = new uint[BufferedBlocksMax * BlockFilter.BlockWords];
    private readonly long _blockCount;
    private FlushSteps _flushSteps;
    private int _bufferedKeys;
    private long _writtenKeys;
    private long _firstBufferedBlock;
    private uint _keysChecksum; // of the keys that are written
    private uint _filterChecksum; // of the blocks that are written

    private SortedRunWriter(string path, RunHeader header)
    {
        _path = path;
        _header = header;
        _blockCount = BlockFilter.BlocksFor(header.KeyCount);
        _file = File.OpenHandle(
            path + ".new", FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, SortedRun.FileBytes(header.KeyCount));
    }

    /// <summary>Writes the keys of a table.</summary>
    public static SortedRun Write(string folder, long firstIndex, long endIndex, ReadOnlySpan<KeyPosition> sorted)
    {
        using SortedRunWriter writer = new(
            Path.Combine(folder, SortedRun.FileName(firstIndex, endIndex)),
            new RunHeader(SortedRun.Magic, 0, firstIndex, endIndex, sorted.Length, 0, 0));
        foreach (ref readonly KeyPosition key in sorted)
        {
            writer.Add(key);
        }

        return writer.Finish();
    }

    /// <summary>Merges neighbouring runs, at most <see cref="RunMerge.RunsMax"/>, into one.</summary>
    /// <exception cref="DerivedDataException">A run's keys changed since it was opened: they would get a new checksum here.</exception>
    public static SortedRun Merge(string folder, ReadOnlySpan<SortedRun> runs)
    {
        long keys = 0;
        uint level = 0;
        foreach (SortedRun run in runs)
        {
            keys += run.Header.KeyCount;
            level = Math.Max(level, run.Header.Level + 1);
        }

        long firstIndex = runs[0].Header.FirstIndex;
        long endIndex = runs[^1].Header.EndIndex;
        using SortedRunWriter writer = new(
            Path.Combine(folder, SortedRun.FileName(firstIndex, endIndex)),
            new RunHeader(SortedRun.Magic, level, firstIndex, endIndex, keys, 0, 0));
        RunMerge merge = new(runs);
        while (merge.TryTake(out KeyPosition key))
        {
            writer.Add(key);
        }

        return writer.Finish();
    }

    public void Dispose() => _file.Dispose();

    private void Add(KeyPosition key)
    {
        long block = BlockFilter.BlockOf(key.Fingerprint, _blockCount);
        while (block - _firstBufferedBlock >= BufferedBlocksMax)
        {
            FlushBlocks();
        }

        int blockAt = (int)(block - _firstBufferedBlock) * BlockFilter.BlockWords;
        BlockFilter.Add(_blocks.AsSpan(blockAt, BlockFilter.BlockWords), key.Fingerprint);
        _keys[_bufferedKeys++] = key;
        if (_bufferedKeys == BufferedKeysMax)
        {
            FlushKeys();
        }
    }

    private SortedRun Finish()
    {
        FlushKeys();
        while (_firstBufferedBlock < _blockCount)
        {
            FlushBlocks();
        }

        Span<byte> header = stackalloc byte[SortedRun.HeaderBytes];
        header.Clear();
        MemoryMarshal.Write(header, _header with { FilterChecksum = _filterChecksum, KeysChecksum = _keysChecksum });
        MemoryMarshal.Write(header[SortedRun.HeaderChecksumAt..], Crc32C.Compute(header[..SortedRun.HeaderChecksumAt]));
        RandomAccess.Write(_file, header, 0);
        RandomAccess.FlushToDisk(_file);
        _file.Dispose();
        File.Move(_path + ".new", _path, overwrite: true);
        Fsync.Directory(Path.GetDirectoryName(_path)!);
        return SortedRun.Open(_path);
    }

    private void FlushKeys()
    {
        long at = SortedRun.HeaderBytes + (_blockCount * BlockFilter.BlockBytes) + (_writtenKeys * Marshal.SizeOf<KeyPosition>());
        Span<byte> bytes = MemoryMarshal.AsBytes(_keys.AsSpan(0, _bufferedKeys));
        RandomAccess.Write(_file, bytes, at);
        _flushSteps.Wrote(_file, bytes.Length);
        _keysChecksum = Crc32C.Append(_keysChecksum, bytes);
        _writtenKeys += _bufferedKeys;
        _bufferedKeys = 0;
    }

    private void FlushBlocks()
    {
        int count = (int)Math.Min(BufferedBlocksMax, _blockCount - _firstBufferedBlock);
        Span<byte> bytes = MemoryMarshal.AsBytes(_blocks.AsSpan(0, count * BlockFilter.BlockWords));
        RandomAccess.Write(_file, bytes, SortedRun.HeaderBytes + (_firstBufferedBlock * BlockFilter.BlockBytes));
        _flushSteps.Wrote(_file, bytes.Length);
        _filterChecksum = Crc32C.Append(_filterChecksum, bytes);
        _blocks.AsSpan().Clear();
        _firstBufferedBlock += count;
    }
}
