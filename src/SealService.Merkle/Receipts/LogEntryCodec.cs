using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace SealService.Merkle;

/// <summary>
/// The bytes of <c>seal.v1.LogEntry</c> (proto/seal/v1/receipt.proto), written by hand because every document passes here: no
/// message object, no copy, one pass. The same bytes that Google.Protobuf writes.
/// </summary>
/// <remarks>
/// Protobuf wire format, fields in order of their numbers, default values left out:
/// <code>
///   08 kind                  varint
///   12 10 salt               16 bytes
///   18 sealed_at_unix_ms     varint
///   20 digest_algorithm      varint
///   2a 20 digest             32 bytes
///   30 document_size_bytes   varint
///   3a n document_id         n bytes of UTF-8
///   42 20 idempotency_key_sha256
///   4a 20 metadata_commitment
/// </code>
/// </remarks>
public static class LogEntryCodec
{
    /// <summary>The most bytes that <see cref="Write"/> writes for values without fault.</summary>
    public const int WrittenBytesMax =
        2 + (2 + LogEntry.SaltBytes) + 11 + 2 + (2 + LogEntry.DigestBytes) + 11
        + (3 + LogEntry.DocumentIdBytesMax) + (2 * (2 + LogEntry.DigestBytes));

    private const int LastKnownField = 9;

    /// <summary>The number of bytes that <see cref="Write"/> writes.</summary>
    public static int GetSize(in LogEntry entry) =>
        GetVarintFieldSize((ulong)entry.Kind)
        + GetBytesFieldSize(entry.Salt)
        + GetVarintFieldSize((ulong)entry.SealedAtUnixMs)
        + GetVarintFieldSize((ulong)entry.DigestAlgorithm)
        + GetBytesFieldSize(entry.Digest)
        + GetVarintFieldSize((ulong)entry.DocumentSizeBytes)
        + GetBytesFieldSize(entry.DocumentId)
        + GetBytesFieldSize(entry.IdempotencyKeySha256)
        + GetBytesFieldSize(entry.MetadataCommitment);

    /// <summary>
    /// Writes the entry and returns the number of bytes. The values are written as they are: <see cref="LogEntry.FindFault"/> is the
    /// caller's business, at the edge where they came in.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// <paramref name="destination"/> is too short; <see cref="WrittenBytesMax"/> is always enough for values without fault.
    /// </exception>
    public static int Write(in LogEntry entry, Span<byte> destination)
    {
        if (destination.Length < WrittenBytesMax && destination.Length < GetSize(entry))
        {
            throw new ArgumentException("The destination is shorter than the entry.", nameof(destination));
        }

        int position = 0;
        WriteVarintField(0x08, (ulong)entry.Kind, destination, ref position);
        WriteBytesField(0x12, entry.Salt, destination, ref position);
        WriteVarintField(0x18, (ulong)entry.SealedAtUnixMs, destination, ref position);
        WriteVarintField(0x20, (ulong)entry.DigestAlgorithm, destination, ref position);
        WriteBytesField(0x2a, entry.Digest, destination, ref position);
        WriteVarintField(0x30, (ulong)entry.DocumentSizeBytes, destination, ref position);
        WriteBytesField(0x3a, entry.DocumentId, destination, ref position);
        WriteBytesField(0x42, entry.IdempotencyKeySha256, destination, ref position);
        WriteBytesField(0x4a, entry.MetadataCommitment, destination, ref position);
        return position;
    }

    /// <summary>
    /// Reads an entry; the views point into <paramref name="source"/>. Unknown fields are passed over, so that later versions can add some;
    /// a known field twice or out of order is refused, so that no two readers can see different entries in the same bytes.
    /// </summary>
    /// <param name="source">The entry's bytes.</param>
    /// <param name="entry">The entry, without fault.</param>
    /// <param name="error">What is wrong, when false.</param>
    public static bool TryRead(ReadOnlySpan<byte> source, out LogEntry entry, [NotNullWhen(false)] out string? error)
    {
        entry = default;
        if (source.Length > LogEntry.EntryBytesMax)
        {
            error = $"the entry has {source.Length} bytes, more than {LogEntry.EntryBytesMax}";
            return false;
        }

        var fields = new Fields();
        int position = 0;
        uint lastField = 0;
        while (position < source.Length)
        {
            int start = position;
            if (!TryReadVarint(source, ref position, out ulong tag)
                || tag > uint.MaxValue
                || tag >> 3 == 0
                || !IsInOrder((uint)(tag >> 3), lastField)
                || !fields.TryRead(tag, source, ref position))
            {
                error = $"the entry is malformed at byte {start}";
                return false;
            }

            lastField = (uint)(tag >> 3);
        }

        LogEntry read = fields.ToEntry();
        error = read.FindFault();
        if (error is not null)
        {
            return false;
        }

        entry = read;
        return true;
    }

    private static bool IsInOrder(uint field, uint lastField) => field > LastKnownField ? field >= lastField : field > lastField;

    private static int GetVarintFieldSize(ulong value) => value == 0 ? 0 : 1 + GetVarintSize(value);

    private static int GetVarintSize(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    private static int GetBytesFieldSize(ReadOnlySpan<byte> value) =>
        value.IsEmpty ? 0 : 1 + GetVarintSize((uint)value.Length) + value.Length;

    private static void WriteVarintField(byte tag, ulong value, Span<byte> destination, ref int position)
    {
        if (value != 0)
        {
            destination[position++] = tag;
            WriteVarint(value, destination, ref position);
        }
    }

    private static void WriteVarint(ulong value, Span<byte> destination, ref int position)
    {
        while (value >= 0x80)
        {
            destination[position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        destination[position++] = (byte)value;
    }

    private static void WriteBytesField(byte tag, ReadOnlySpan<byte> value, Span<byte> destination, ref int position)
    {
        if (!value.IsEmpty)
        {
            destination[position++] = tag;
            WriteVarint((uint)value.Length, destination, ref position);
            value.CopyTo(destination[position..]);
            position += value.Length;
        }
    }

    private static bool TryReadVarint(ReadOnlySpan<byte> source, scoped ref int position, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 64 && position < source.Length; shift += 7)
        {
            byte next = source[position++];
            if (shift == 63 && next > 1)
            {
                return false;
            }

            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryReadBytes(ReadOnlySpan<byte> source, scoped ref int position, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!TryReadVarint(source, ref position, out ulong length) || length > (ulong)(source.Length - position))
        {
            return false;
        }

        value = source.Slice(position, (int)length);
        position += (int)length;
        return true;
    }

    private static bool TrySkip(ulong tag, ReadOnlySpan<byte> source, ref int position)
    {
        switch (tag & 7)
        {
            case 0:
                return TryReadVarint(source, ref position, out _);
            case 1:
                position += sizeof(ulong);
                return position <= source.Length;
            case 2:
                return TryReadBytes(source, ref position, out _);
            case 5:
                position += sizeof(uint);
                return position <= source.Length;
            default:
                return false;
        }
    }

    // The fields as they are read; a wrong wire type of a known field is malformed.
    private ref struct Fields
    {
        private ulong _kind;
        private ReadOnlySpan<byte> _salt;
        private ulong _sealedAt;
        private ulong _algorithm;
        private ReadOnlySpan<byte> _digest;
        private ulong _size;
        private ReadOnlySpan<byte> _documentId;
        private ReadOnlySpan<byte> _idempotencyKey;
        private ReadOnlySpan<byte> _metadata;

        public bool TryRead(ulong tag, ReadOnlySpan<byte> source, scoped ref int position) => tag switch
        {
            0x08 => TryReadVarint(source, ref position, out _kind),
            0x12 => TryReadBytes(source, ref position, out _salt),
            0x18 => TryReadVarint(source, ref position, out _sealedAt),
            0x20 => TryReadVarint(source, ref position, out _algorithm),
            0x2a => TryReadBytes(source, ref position, out _digest),
            0x30 => TryReadVarint(source, ref position, out _size),
            0x3a => TryReadBytes(source, ref position, out _documentId),
            0x42 => TryReadBytes(source, ref position, out _idempotencyKey),
            0x4a => TryReadBytes(source, ref position, out _metadata),
            _ => tag >> 3 > LastKnownField && TrySkip(tag, source, ref position),
        };

        // A number that its type can't hold becomes one that is at fault.
        public readonly LogEntry ToEntry() => new()
        {
            Kind = (EntryKind)(int)Math.Min(_kind, int.MaxValue),
            Salt = _salt,
            SealedAtUnixMs = (long)_sealedAt,
            DigestAlgorithm = (DigestAlgorithm)(int)Math.Min(_algorithm, int.MaxValue),
            Digest = _digest,
            DocumentSizeBytes = (long)_size,
            DocumentId = _documentId,
            IdempotencyKeySha256 = _idempotencyKey,
            MetadataCommitment = _metadata,
        };
    }
}
