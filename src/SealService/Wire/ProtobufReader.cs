using System.Buffers;
using System.Runtime.CompilerServices;

namespace SealService.Wire;

/// <summary>
/// Reads protobuf fields where they lie in the transport's buffers, for the messages that carry documents. Everything else is read by the
/// generated code. Layout: each field is a varint tag (number shifted left by 3, or'ed with the wire type) and its value.
/// Source: Protocol Buffers encoding specification. Every method answers false for malformed bytes and never throws.
/// </summary>
internal ref struct ProtobufReader(in ReadOnlySequence<byte> message)
{
    /// <summary>Wire type 0.</summary>
    public const uint Varint = 0;

    /// <summary>Wire type 1.</summary>
    public const uint Fixed64 = 1;

    /// <summary>Wire type 2: a length and so many bytes.</summary>
    public const uint LengthDelimited = 2;

    /// <summary>Wire type 5.</summary>
    public const uint Fixed32 = 5;

    private SequenceReader<byte> _reader = new(message);

    /// <summary>True when every field has been read.</summary>
    public readonly bool AtEnd => _reader.End;

    /// <summary>The tag of field <paramref name="number"/> with <paramref name="wireType"/>.</summary>
    public static uint Tag(uint number, uint wireType) => (number << 3) | wireType;

    /// <summary>Reads a tag; its number is not 0.</summary>
    public bool TryReadTag(out uint tag)
    {
        if (!TryReadVarint(out var value) || value > uint.MaxValue)
        {
            tag = 0;
            return false;
        }

        tag = (uint)value;
        return tag >> 3 != 0;
    }

    /// <summary>Reads a varint of up to 10 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadVarint(out ulong value)
    {
        if (_reader.TryRead(out var first) && first < 0x80)
        {
            value = first;
            return true;
        }

        return TryReadLongVarint(first, out value);
    }

    /// <summary>Reads a length and gives the bytes that it covers, in place.</summary>
    public bool TryReadBytes(out ReadOnlySequence<byte> bytes)
    {
        if (!TryReadVarint(out var length) || length > (ulong)_reader.Remaining)
        {
            bytes = default;
            return false;
        }

        return _reader.TryReadExact((int)length, out bytes);
    }

    /// <summary>Skips the value of a field that is not known here.</summary>
    public bool TrySkip(uint tag) => (tag & 7) switch
    {
        Varint => TryReadVarint(out _),
        Fixed64 => TryAdvance(8),
        LengthDelimited => TryReadVarint(out var length) && length <= int.MaxValue && TryAdvance((int)length),
        Fixed32 => TryAdvance(4),
        _ => false, // groups (3, 4) are not used by this contract; 6 and 7 do not exist
    };

    private bool TryReadLongVarint(byte first, out ulong value)
    {
        value = first & 0x7FUL;
        if (first < 0x80)
        {
            return false; // the sequence was empty
        }

        for (var shift = 7; shift < 64; shift += 7)
        {
            if (!_reader.TryRead(out var next))
            {
                return false;
            }

            value |= (next & 0x7FUL) << shift;
            if (next < 0x80)
            {
                return shift < 63 || next <= 1;
            }
        }

        return false;
    }

    private bool TryAdvance(int count)
    {
        if (_reader.Remaining < count)
        {
            return false;
        }

        _reader.Advance(count);
        return true;
    }
}
