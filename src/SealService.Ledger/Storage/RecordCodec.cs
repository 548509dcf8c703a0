using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace SealService.Ledger.Storage;

/// <summary>One batch as it is stored; views of the record's bytes.</summary>
/// <param name="FirstIndex">The ledger index of the first entry.</param>
/// <param name="Count">The number of entries; zero only in a ledger's first record, which signs the empty tree.</param>
/// <param name="Entries">The entries as a tlog-tiles entry bundle: u16be length and bytes, repeated.</param>
/// <param name="Checkpoint">The signed checkpoint of the tree with these entries, verbatim.</param>
internal readonly record struct LedgerRecord(long FirstIndex, int Count, ReadOnlyMemory<byte> Entries, ReadOnlyMemory<byte> Checkpoint);

/// <summary>The framing of a record. All numbers are big-endian, as in the entry bundle inside.</summary>
/// <remarks>
/// <code>
///  0  u32  magic "SLR1"
///  4  u16  version, 1
///  6  u16  zero
///  8  u64  index of the first entry
/// 16  u32  number of entries
/// 20  u32  length of the entries, in bytes
/// 24  u32  length of the checkpoint, in bytes
/// 28  u32  zero
/// 32       entries: (u16 length, bytes) repeated
///          checkpoint
///     u32  CRC-32C (RFC 3720 appendix B.4) of everything before it
/// </code>
/// The storage engine's own entry checksum is an XOR, which two flipped bits pass; this one is the one that is trusted.
/// </remarks>
internal static class RecordCodec
{
    public const int HeaderBytes = 32;
    public const int TrailerBytes = 4;
    public const int EntryPrefixBytes = 2;
    private const uint Magic = 0x534C5231;
    private const ushort Version = 1;

    public static int GetSize(int entriesBytes, int checkpointBytes) =>
        checked(HeaderBytes + entriesBytes + checkpointBytes + TrailerBytes);

    /// <summary>
    /// Completes a record whose entries already lie at <see cref="HeaderBytes"/>: writes header, checkpoint and checksum.
    /// </summary>
    /// <returns>The record's size.</returns>
    public static int Complete(Span<byte> record, long firstIndex, int count, int entriesBytes, ReadOnlySpan<byte> checkpoint)
    {
        BinaryPrimitives.WriteUInt32BigEndian(record, Magic);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], Version);
        BinaryPrimitives.WriteUInt16BigEndian(record[6..], 0);
        BinaryPrimitives.WriteInt64BigEndian(record[8..], firstIndex);
        BinaryPrimitives.WriteInt32BigEndian(record[16..], count);
        BinaryPrimitives.WriteInt32BigEndian(record[20..], entriesBytes);
        BinaryPrimitives.WriteInt32BigEndian(record[24..], checkpoint.Length);
        BinaryPrimitives.WriteInt32BigEndian(record[28..], 0);
        int checksumAt = HeaderBytes + entriesBytes + checkpoint.Length;
        checkpoint.CopyTo(record[(HeaderBytes + entriesBytes)..]);
        BinaryPrimitives.WriteUInt32BigEndian(record[checksumAt..], Crc32C.Compute(record[..checksumAt]));
        return checksumAt + TrailerBytes;
    }

    /// <summary>Reads a record and checks its framing, its checksum and the framing of its entries.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, out LedgerRecord record, [NotNullWhen(false)] out string? error)
    {
        record = default;
        ReadOnlySpan<byte> span = bytes.Span;
        if (span.Length < HeaderBytes + TrailerBytes)
        {
            error = $"a record of {span.Length} bytes is too short";
            return false;
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(span) != Magic)
        {
            error = "the record's magic number is missing";
            return false;
        }

        // The checksum comes before the fields: damage is reported as damage, not as a strange version.
        if (BinaryPrimitives.ReadUInt32BigEndian(span[^TrailerBytes..]) != Crc32C.Compute(span[..^TrailerBytes]))
        {
            error = "the record's checksum does not match";
            return false;
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(span[4..]) != Version)
        {
            error = $"the record's version is {BinaryPrimitives.ReadUInt16BigEndian(span[4..])}, not {Version}";
            return false;
        }

        long firstIndex = BinaryPrimitives.ReadInt64BigEndian(span[8..]);
        int count = BinaryPrimitives.ReadInt32BigEndian(span[16..]);
        int entriesBytes = BinaryPrimitives.ReadInt32BigEndian(span[20..]);
        int checkpointBytes = BinaryPrimitives.ReadInt32BigEndian(span[24..]);
        if (firstIndex < 0 || count < 0 || entriesBytes < 0 || checkpointBytes < 0
            || (long)HeaderBytes + entriesBytes + checkpointBytes + TrailerBytes != span.Length
            || firstIndex > long.MaxValue - count)
        {
            error = "the record's header contradicts its length";
            return false;
        }

        ReadOnlyMemory<byte> entries = bytes.Slice(HeaderBytes, entriesBytes);
        record = new LedgerRecord(firstIndex, count, entries, bytes.Slice(HeaderBytes + entriesBytes, checkpointBytes));
        if (!HasEntries(record.Entries.Span, count))
        {
            error = "the record's entries contradict their number";
            return false;
        }

        error = null;
        return true;
    }

    /// <summary>Takes the next entry off the front of a bundle. The bundle's framing was checked by <see cref="TryRead"/>.</summary>
    public static ReadOnlySpan<byte> TakeEntry(ref ReadOnlySpan<byte> bundle)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(bundle);
        ReadOnlySpan<byte> entry = bundle.Slice(EntryPrefixBytes, length);
        bundle = bundle[(EntryPrefixBytes + length)..];
        return entry;
    }

    private static bool HasEntries(ReadOnlySpan<byte> bundle, int count)
    {
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            if (bundle.Length - at < EntryPrefixBytes)
            {
                return false;
            }

            at += EntryPrefixBytes + BinaryPrimitives.ReadUInt16BigEndian(bundle[at..]);
            if (at > bundle.Length)
            {
                return false;
            }
        }

        return at == bundle.Length;
    }
}
