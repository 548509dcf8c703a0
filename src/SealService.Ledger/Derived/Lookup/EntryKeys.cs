using System.Buffers.Binary;
using System.Numerics;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// The fields that an entry is found by: views of its bytes. They are looked for and nothing is checked: the bytes were made, or have
/// been read, as an entry.
/// </summary>
internal readonly ref struct EntryKeys
{
    public const int Max = 3;

    // Tags of bytes fields of seal.v1.LogEntry; see LogEntryCodec.
    private const byte DigestTag = 0x2a;
    private const byte DocumentIdTag = 0x3a;
    private const byte IdempotencyKeyTag = 0x42;
    private const byte LastTag = IdempotencyKeyTag;
    private const int WireTypeMask = 7;
    private const int LengthDelimited = 2;

    private EntryKeys(ReadOnlySpan<byte> digest, ReadOnlySpan<byte> documentId, ReadOnlySpan<byte> idempotencyKey)
    {
        Digest = digest;
        DocumentId = documentId;
        IdempotencyKeySha256 = idempotencyKey;
    }

    /// <summary>32 bytes.</summary>
    public ReadOnlySpan<byte> Digest { get; }

    /// <summary>Empty when there is none.</summary>
    public ReadOnlySpan<byte> DocumentId { get; }

    /// <summary>32 bytes; empty when there is none.</summary>
    public ReadOnlySpan<byte> IdempotencyKeySha256 { get; }

    /// <summary>Finds the keys of an entry.</summary>
    /// <exception cref="LedgerDamagedException">The bytes are no entry.</exception>
    public static EntryKeys Of(ReadOnlySpan<byte> entry)
    {
        ReadOnlySpan<byte> digest = default;
        ReadOnlySpan<byte> documentId = default;
        ReadOnlySpan<byte> idempotencyKey = default;
        int at = 0;
        while (at < entry.Length && ReadVarint(entry, ref at) is <= LastTag and uint tag)
        {
            uint value = ReadVarint(entry, ref at);
            if ((tag & WireTypeMask) == LengthDelimited)
            {
                if (value > (uint)(entry.Length - at))
                {
                    throw NoEntry();
                }

                ReadOnlySpan<byte> bytes = entry.Slice(at, (int)value);
                at += (int)value;
                switch (tag)
                {
                    case DigestTag: digest = bytes; break;
                    case DocumentIdTag: documentId = bytes; break;
                    case IdempotencyKeyTag: idempotencyKey = bytes; break;
                }
            }
        }

        return digest.IsEmpty ? throw NoEntry() : new EntryKeys(digest, documentId, idempotencyKey);
    }

    /// <summary>The value, if it is a length; what is longer is passed over.</summary>
    private static uint ReadVarint(ReadOnlySpan<byte> entry, ref int at) =>
        at < entry.Length && entry[at] < 0x80 ? entry[at++] : ReadLongVarint(entry, ref at);

    private static uint ReadLongVarint(ReadOnlySpan<byte> entry, ref int at)
    {
        if (entry.Length - at >= sizeof(ulong))
        {
            // All bytes of it at once: each but its last has the highest bit.
            ulong bytes = BinaryPrimitives.ReadUInt64LittleEndian(entry[at..]);
            ulong last = ~bytes & 0x8080808080808080;
            if (last != 0)
            {
                at += (BitOperations.TrailingZeroCount(last) / 8) + 1;
                bytes &= last ^ (last - 1);
                return (uint)((bytes & 0x7f) | ((bytes >> 1) & 0x3f80) | ((bytes >> 2) & 0x1fc000) | ((bytes >> 3) & 0xfe00000) | ((bytes >> 4) & 0xf0000000));
            }
        }

        uint value = 0;
        for (int shift = 0; at < entry.Length; shift += 7)
        {
            byte next = entry[at++];
            value |= (uint)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw NoEntry();
    }

    private static LedgerDamagedException NoEntry() => new("An entry's keys can't be read.");
}
