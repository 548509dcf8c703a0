using System.Buffers;
using System.Runtime.CompilerServices;

namespace SealService.Wire;

/// <summary>
/// Reads protobuf fields where they lie in the transport's buffers, for the messages that carry documents. Everything else is read by the
/// generated code. Layout: each field is a varint tag (number shifted left by 3, or'ed with the wire type) and its value.
/// Source: Protocol Buffers encoding specification. Every method answers false for malformed bytes and never throws.
/// </summary>
internal ref struct ProtobufReader
{
    /// <summary>Wire type 0.</summary>
    public const uint Varint = 0;

    /// <summary>Wire type 1.</summary>
    public const uint Fixed64 = 1;

    /// <summary>Wire type 2: a length and so many bytes.</summary>
    public const uint LengthDelimited = 2;

    /// <summary>Wire type 5.</summary>
    public const uint Fixed32 = 5;

    private readonly ReadOnlySequence<byte> _message;
    private readonly long _length;
    private ReadOnlySpan<byte> _segment;
    private SequencePosition _segmentBegin;
    private long _segmentStart; // in the message
    private int _at; // in the segment

    public ProtobufReader(in ReadOnlySequence<byte> message)
    {
        _message = message;
        _length = message.Length;
        _segment = message.FirstSpan;
        _segmentBegin = message.Start;
    }

    /// <summary>True when every field has been read.</summary>
    public readonly bool AtEnd => Position == _length;

    private readonly long Position => _segmentStart + _at;

    private readonly long Remaining => _length - Position;

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
        if (_at < _segment.Length && _segment[_at] < 0x80)
        {
            value = _segment[_at++];
            return true;
        }

        return TryReadLongVarint(out value);
    }

    /// <summary>Reads a length and gives the bytes that it covers, in place.</summary>
    public bool TryReadBytes(out ReadOnlySequence<byte> bytes)
    {
        if (!TryReadVarint(out var length) || length > (ulong)Remaining)
        {
            bytes = default;
            return false;
        }

        // From the segment, not from the message's start: that would walk over all segments for each field.
        bytes = _message.Slice(_message.GetPosition(_at, _segmentBegin), (long)length);
        Advance((long)length);
        return true;
    }

    /// <summary>Reads a length, which must be that of <paramref name="destination"/>, and copies so many bytes.</summary>
    public bool TryReadBytes(Span<byte> destination)
    {
        if (!TryReadVarint(out var length) || length != (ulong)destination.Length || length > (ulong)Remaining)
        {
            return false;
        }

        while (destination.Length > _segment.Length - _at)
        {
            var piece = _segment[_at..];
            piece.CopyTo(destination);
            destination = destination[piece.Length..];
            _at += piece.Length;
            MoveToNextSegment();
        }

        _segment.Slice(_at, destination.Length).CopyTo(destination);
        _at += destination.Length;
        return true;
    }

    /// <summary>Skips the value of a field that is not known here.</summary>
    public bool TrySkip(uint tag) => (tag & 7) switch
    {
        Varint => TryReadVarint(out _),
        Fixed64 => TryAdvance(8),
        LengthDelimited => TryReadVarint(out var length) && length <= long.MaxValue && TryAdvance((long)length),
        Fixed32 => TryAdvance(4),
        _ => false, // groups (3, 4) are not used by this contract; 6 and 7 do not exist
    };

    private bool TryReadLongVarint(out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (!TryReadByte(out var next))
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

    private bool TryReadByte(out byte value)
    {
        if (AtEnd)
        {
            value = 0;
            return false;
        }

        while (_at == _segment.Length)
        {
            MoveToNextSegment(); // a segment may be empty
        }

        value = _segment[_at++];
        return true;
    }

    private bool TryAdvance(long count)
    {
        if (Remaining < count)
        {
            return false;
        }

        Advance(count);
        return true;
    }

    // By no more than what remains. May end behind a segment's last byte.
    private void Advance(long count)
    {
        while (count > _segment.Length - _at)
        {
            count -= _segment.Length - _at;
            MoveToNextSegment();
        }

        _at += (int)count;
    }

    // There is one.
    private void MoveToNextSegment()
    {
        var next = _segmentBegin;
        _message.TryGet(ref next, out _);
        _segmentBegin = next;
        _segmentStart += _segment.Length;
        _message.TryGet(ref next, out var segment);
        _segment = segment.Span;
        _at = 0;
    }
}
