using System.Buffers;
using System.Globalization;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>The keys of the entries first..end−1, sorted: one immutable file, of which the filter is mapped into memory.</summary>
/// <remarks>
/// <code>
///  0  u32  magic "SLX3"        in the machine's byte order, like all of it: derived data is rebuilt, not moved
///  4  u32  level: how often its keys have been merged
///  8  i64  first index
/// 16  i64  end index
/// 24  i64  number of keys
/// 32  u32  CRC-32C of the filter
/// 36  u32  CRC-32C of the keys
/// 40       zero
/// 60  u32  CRC-32C of the header before it
/// 64       filter: BlockFilter.BlocksFor(keys) blocks of 32 bytes
///          keys: (u64 fingerprint, i64 index), ordered
/// </code>
/// The checksums are compared when a run is opened: a damaged filter would say that an idempotency key is new, and its
/// document would be sealed again. All of it is read then, some 20 bytes a key at the disk's full speed. Checking each page
/// when it is first asked for would start sooner, but find damage when the answer is due and not when all can be built again.
///
/// Keys are read, not mapped: pages that were mapped once stay in the process's memory, which would grow with the ledger.
///
/// A run that has been merged into another is unlinked at once, but stays open until the garbage collector finds that
/// nobody reads it; that is why nothing here is disposed by hand. A disk that can't read a mapped page ends the process, as a
/// disk that can't write does.
/// </remarks>
internal sealed unsafe class SortedRun
{
    public const int HeaderBytes = 64;
    public const int HeaderChecksumAt = 60;
    public const uint Magic = 0x534C5833;

    private const int PageKeys = 256; // 4 KiB a read when searching
    private const int ChecksumBufferBytes = 128 * 1024;

    private readonly SafeFileHandle _file;
    private readonly MemoryMappedViewAccessor _view; // keeps the mapping alive
    private readonly byte* _filter;
    private readonly long _filterBlocks;

    private SortedRun(string path, RunHeader header, SafeFileHandle file, MemoryMappedViewAccessor view)
    {
        Path = path;
        Header = header;
        _file = file;
        _view = view;
        _filterBlocks = BlockFilter.BlocksFor(header.KeyCount);
        _filter = (byte*)view.SafeMemoryMappedViewHandle.DangerousGetHandle() + view.PointerOffset + HeaderBytes;
    }

    public string Path { get; }

    public RunHeader Header { get; }

    public static string FileName(long firstIndex, long endIndex) =>
        string.Create(CultureInfo.InvariantCulture, $"run.{firstIndex:x16}-{endIndex:x16}");

    public static long FileBytes(long keys) =>
        HeaderBytes + (BlockFilter.BlocksFor(keys) * BlockFilter.BlockBytes) + (keys * sizeof(KeyPosition));

    /// <exception cref="DerivedDataException">The file is not a run as it was written.</exception>
    public static SortedRun Open(string path)
    {
        SafeFileHandle file = File.OpenHandle(path);
        try
        {
            RunHeader header = ReadHeader(file) ?? throw new DerivedDataException($"{path} is not a run, or its header is damaged");
            if (FindFault(file, header) is { } fault)
            {
                throw new DerivedDataException($"{path} {fault}");
            }

            using MemoryMappedFile map = MemoryMappedFile.CreateFromFile(
                file, mapName: null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            long filterEnd = KeysAt(header.KeyCount);
            return new SortedRun(path, header, file, map.CreateViewAccessor(0, filterEnd, MemoryMappedFileAccess.Read));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="KeyTable.Collect"/>.</summary>
    public void Collect(ulong fingerprint, long before, int max, List<long> found)
    {
        if (before <= Header.FirstIndex || !MayContain(fingerprint))
        {
            return;
        }

        // The first key behind those that were asked for; from there backwards the newest come first.
        Span<KeyPosition> page = stackalloc KeyPosition[PageKeys];
        long at = LowerBound(new KeyPosition(fingerprint, before), page, out long pageStart);
        while (--at >= 0 && found.Count < max)
        {
            if (at < pageStart)
            {
                pageStart = Math.Max(0, at + 1 - PageKeys);
                Read(pageStart, page[..(int)(at + 1 - pageStart)]);
            }

            KeyPosition key = page[(int)(at - pageStart)];
            if (key.Fingerprint != fingerprint)
            {
                return;
            }

            found.Add(key.Index);
        }
    }

    /// <summary>Reads keys from a position on, as many as there are.</summary>
    public int Read(long position, Span<KeyPosition> destination)
    {
        int count = (int)Math.Min(destination.Length, Header.KeyCount - position);
        Span<byte> bytes = MemoryMarshal.AsBytes(destination[..count]);
        return RandomAccess.Read(_file, bytes, KeysAt(Header.KeyCount) + (position * sizeof(KeyPosition))) == bytes.Length
            ? count
            : throw new DerivedDataException($"{Path} ends before its key {position + count}");
    }

    private static long KeysAt(long keys) => HeaderBytes + (BlockFilter.BlocksFor(keys) * BlockFilter.BlockBytes);

    private static RunHeader? ReadHeader(SafeFileHandle file)
    {
        Span<byte> bytes = stackalloc byte[HeaderBytes];
        if (RandomAccess.Read(file, bytes, 0) != HeaderBytes)
        {
            return null;
        }

        RunHeader header = MemoryMarshal.Read<RunHeader>(bytes);
        bool isSound = header.Magic == Magic && MemoryMarshal.Read<uint>(bytes[HeaderChecksumAt..]) == Crc32C.Compute(bytes[..HeaderChecksumAt]);
        return isSound ? header : null;
    }

    /// <summary>What is wrong with a file whose header is what was written; null when all of it is.</summary>
    private static string? FindFault(SafeFileHandle file, in RunHeader header)
    {
        long length = RandomAccess.GetLength(file);
        if (FileBytes(header.KeyCount) != length)
        {
            return $"has {length} bytes, a run of {header.KeyCount} keys has {FileBytes(header.KeyCount)}";
        }

        long keysAt = KeysAt(header.KeyCount);
        return ChecksumOf(file, HeaderBytes, keysAt) != header.FilterChecksum ? "has a damaged filter"
            : ChecksumOf(file, keysAt, length) != header.KeysChecksum ? "has damaged keys"
            : null;
    }

    private static uint ChecksumOf(SafeFileHandle file, long begin, long end)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChecksumBufferBytes);
        uint checksum = 0;
        while (begin < end)
        {
            int count = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(ChecksumBufferBytes, end - begin)), begin);
            if (count == 0)
            {
                break; // it became shorter: another checksum
            }

            checksum = Crc32C.Append(checksum, buffer.AsSpan(0, count));
            begin += count;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return checksum;
    }

    private bool MayContain(ulong fingerprint)
    {
        byte* block = _filter + (BlockFilter.BlockOf(fingerprint, _filterBlocks) * BlockFilter.BlockBytes);
        bool mayContain = BlockFilter.MayContain(new ReadOnlySpan<uint>(block, BlockFilter.BlockWords), fingerprint);
        GC.KeepAlive(_view);
        return mayContain;
    }

    /// <summary>
    /// The position of the first key that is not less. Fingerprints are spread evenly, so the search begins on the page where the key
    /// should be, and widens from there: mostly one to three reads.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="page">Afterwards holds the keys from <paramref name="pageStart"/> up to the position that is returned.</param>
    /// <param name="pageStart">Where the page begins.</param>
    private long LowerBound(KeyPosition key, Span<KeyPosition> page, out long pageStart)
    {
        long low = 0;
        long high = Header.KeyCount;
        long guess = (long)Math.BigMul(key.Fingerprint, (ulong)high, out _);
        for (long step = PageKeys; low < high; step *= 2)
        {
            pageStart = Math.Clamp(guess - (PageKeys / 2), low, Math.Max(low, high - PageKeys));
            Span<KeyPosition> keys = page[..(int)Math.Min(PageKeys, high - pageStart)];
            Read(pageStart, keys);
            if (keys[0] >= key && pageStart > low)
            {
                high = pageStart;
                guess = high - step;
            }
            else if (keys[^1] < key && pageStart + keys.Length < high)
            {
                low = pageStart + keys.Length;
                guess = low + step;
            }
            else
            {
                int position = keys.BinarySearch(key);
                return pageStart + (position < 0 ? ~position : position);
            }
        }

        pageStart = low;
        return low;
    }
}

/// <summary>The beginning of a sorted run's file.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RunHeader(
    uint Magic, uint Level, long FirstIndex, long EndIndex, long KeyCount, uint FilterChecksum, uint KeysChecksum);
