using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using SealService.Ledger.Storage;

namespace SealService.Ledger.Derived;

/// <summary>
/// Where each record lies: the file <c>batches</c> of (u64be first index, u64be address), ordered by both. One thread
/// appends, any number read.
/// </summary>
internal sealed class BatchDirectory : IDisposable
{
    private const int RowBytes = 16;
    private const int CheckedBytesMax = 256 * 1024; // read at once

    private readonly SafeFileHandle _file;
    private long _count; // written by the appender after the row

    /// <summary>CRC-32C of all rows; written by the appender.</summary>
    public uint Checksum { get; private set; }

    private BatchDirectory(SafeFileHandle file) => _file = file;

    /// <summary>Opens the directory of a tree and cuts off the batches beyond its size.</summary>
    /// <exception cref="DerivedDataException">The rows of that tree do not have the given checksum.</exception>
    public static BatchDirectory Open(string folder, long treeSize, uint checksum)
    {
        string path = Path.Combine(folder, "batches");
        SafeFileHandle file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        BatchDirectory directory = new(file);
        try
        {
            directory._count = RandomAccess.GetLength(file) / RowBytes;
            directory._count = directory.CountBefore(treeSize);
            directory.Checksum = directory.ComputeChecksum();
            if (directory.Checksum != checksum)
            {
                throw new DerivedDataException($"{path} does not hold the batches of the {treeSize} entries of the snapshot");
            }

            RandomAccess.SetLength(file, directory._count * RowBytes);
            return directory;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    public void Append(long firstIndex, long address)
    {
        Span<byte> row = stackalloc byte[RowBytes];
        BinaryPrimitives.WriteInt64BigEndian(row, firstIndex);
        BinaryPrimitives.WriteInt64BigEndian(row[8..], address);
        RandomAccess.Write(_file, row, _count * RowBytes);
        Checksum = Crc32C.Append(Checksum, row);
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>The batch that holds an entry; the entry is indexed.</summary>
    public (long FirstIndex, long Address) Find(long index) => ReadRow(CountBefore(index + 1) - 1);

    public void Flush() => RandomAccess.FlushToDisk(_file);

    public void Dispose() => _file.Dispose();

    /// <summary>The number of batches that begin before an index.</summary>
    private long CountBefore(long index)
    {
        long low = 0;
        long high = Volatile.Read(ref _count);
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            if (ReadRow(middle).FirstIndex < index)
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

    private uint ComputeChecksum()
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CheckedBytesMax);
        try
        {
            uint checksum = 0;
            long end = _count * RowBytes;
            for (long at = 0; at < end;)
            {
                int read = RandomAccess.Read(_file, buffer.AsSpan(0, (int)Math.Min(CheckedBytesMax, end - at)), at);
                if (read == 0)
                {
                    throw new DerivedDataException($"batches ends at {at} while it is read");
                }

                checksum = Crc32C.Append(checksum, buffer.AsSpan(0, read));
                at += read;
            }

            return checksum;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private (long FirstIndex, long Address) ReadRow(long number)
    {
        Span<byte> row = stackalloc byte[RowBytes];
        return number >= 0 && RandomAccess.Read(_file, row, number * RowBytes) == RowBytes
            ? (BinaryPrimitives.ReadInt64BigEndian(row), BinaryPrimitives.ReadInt64BigEndian(row[8..]))
            : throw new LedgerDamagedException($"The derived file batches has no row {number}. Delete the derived folder and start again.");
    }
}
