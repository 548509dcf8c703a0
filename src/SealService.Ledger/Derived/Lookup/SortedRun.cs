using System.Globalization;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>The keys of the entries first..end−1, sorted: one immutable file, mapped into memory.</summary>
/// <remarks>
/// <code>
///  0  u32  magic "SLX2"        in the machine's byte order, like all of it: derived data is rebuilt, not moved
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
/// A run that has been merged into another is unlinked at once, but stays mapped until the garbage collector finds that
/// nobody reads it; that is why nothing here is disposed by hand. A disk that can't read a mapped page ends the process, as a
/// disk that can't write does.
/// </remarks>
internal sealed unsafe class SortedRun
{
    public const int HeaderBytes = 64;
    public const int HeaderChecksumAt = 60;
    public const uint Magic = 0x534C5832;

    private readonly MemoryMappedViewAccessor _view; // keeps the mapping alive
    private readonly byte* _filter;
    private readonly KeyPosition* _keys;
    private readonly long _filterBlocks;

    private SortedRun(string path, RunHeader header, MemoryMappedViewAccessor view)
    {
        Path = path;
        Header = header;
        _view = view;
        _filterBlocks = BlockFilter.BlocksFor(header.KeyCount);
        _filter = (byte*)view.SafeMemoryMappedViewHandle.DangerousGetHandle() + view.PointerOffset + HeaderBytes;
        _keys = (KeyPosition*)(_filter + (_filterBlocks * BlockFilter.BlockBytes));
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
        long length = new FileInfo(path).Length;
        if (length < HeaderBytes)
        {
            throw new DerivedDataException($"{path} is too short for a run");
        }

        using MemoryMappedFile file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, 0, MemoryMappedFileAccess.Read);
        MemoryMappedViewAccessor view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* bytes = (byte*)view.SafeMemoryMappedViewHandle.DangerousGetHandle() + view.PointerOffset;
        if (FindFault(bytes, length) is { } fault)
        {
            view.Dispose();
            throw new DerivedDataException($"{path} {fault}");
        }

        view.Read(0, out RunHeader header);
        return new SortedRun(path, header, view);
    }

    /// <summary>As <see cref="KeyTable.Collect"/>.</summary>
    public void Collect(ulong fingerprint, long before, int max, List<long> found)
    {
        if (before > Header.FirstIndex && MayContain(fingerprint))
        {
            // The first key behind those that were asked for; from there backwards the newest come first.
            long at = LowerBound(new KeyPosition(fingerprint, before)) - 1;
            for (; at >= 0 && found.Count < max && _keys[at].Fingerprint == fingerprint; at--)
            {
                found.Add(_keys[at].Index);
            }
        }

        GC.KeepAlive(_view);
    }

    /// <summary>Copies keys from a position on, for merging.</summary>
    public int Read(long position, Span<KeyPosition> destination)
    {
        int count = (int)Math.Min(destination.Length, Header.KeyCount - position);
        new ReadOnlySpan<KeyPosition>(_keys + position, count).CopyTo(destination);
        GC.KeepAlive(_view);
        return count;
    }

    /// <summary>What is wrong with a file's bytes; null when they are what was written.</summary>
    private static string? FindFault(byte* bytes, long length)
    {
        ReadOnlySpan<byte> start = new(bytes, HeaderBytes);
        RunHeader header = MemoryMarshal.Read<RunHeader>(start);
        if (header.Magic != Magic || MemoryMarshal.Read<uint>(start[HeaderChecksumAt..]) != Crc32C.Compute(start[..HeaderChecksumAt]))
        {
            return "is not a run, or its header is damaged";
        }

        // The header is what was written, so its numbers are sound.
        if (FileBytes(header.KeyCount) != length)
        {
            return $"has {length} bytes, a run of {header.KeyCount} keys has {FileBytes(header.KeyCount)}";
        }

        long filterBytes = BlockFilter.BlocksFor(header.KeyCount) * BlockFilter.BlockBytes;
        return ChecksumOf(bytes + HeaderBytes, filterBytes) != header.FilterChecksum ? "has a damaged filter"
            : ChecksumOf(bytes + HeaderBytes + filterBytes, length - HeaderBytes - filterBytes) != header.KeysChecksum ? "has damaged keys"
            : null;
    }

    private static uint ChecksumOf(byte* bytes, long length)
    {
        const int spanBytesMax = 1 << 30; // a span counts in int
        uint checksum = 0;
        while (length > 0)
        {
            int count = (int)Math.Min(length, spanBytesMax);
            checksum = Crc32C.Append(checksum, new ReadOnlySpan<byte>(bytes, count));
            bytes += count;
            length -= count;
        }

        return checksum;
    }

    private bool MayContain(ulong fingerprint)
    {
        byte* block = _filter + (BlockFilter.BlockOf(fingerprint, _filterBlocks) * BlockFilter.BlockBytes);
        return BlockFilter.MayContain(new ReadOnlySpan<uint>(block, BlockFilter.BlockWords), fingerprint);
    }

    /// <summary>
    /// The position of the first key that is not less. Fingerprints are spread evenly, so the search begins where the key
    /// should be and widens from there: a few cache lines instead of one for each halving.
    /// </summary>
    private long LowerBound(KeyPosition key)
    {
        long low = 0;
        long high = Header.KeyCount;
        long guess = (long)Math.BigMul(key.Fingerprint, (ulong)high, out _);
        for (long step = 8; low < high && guess < high; step *= 2)
        {
            if (_keys[guess] < key)
            {
                low = guess + 1;
                if (guess + step >= high)
                {
                    break;
                }

                guess += step;
            }
            else
            {
                high = guess;
                guess = Math.Max(low, guess - step);
            }
        }

        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            if (_keys[middle] < key)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}

/// <summary>The beginning of a sorted run's file.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RunHeader(
    uint Magic, uint Level, long FirstIndex, long EndIndex, long KeyCount, uint FilterChecksum, uint KeysChecksum);
