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

    private ReadOnlySequence<byte> _message; // of use when it has no segments, but one piece of memory
    private ReadOnlySequenceSegment<byte>? _segment; // the one that is read; null when there are none
    private ReadOnlySpan<byte> _bytes; // the segment's
    private int _at; // in _bytes
    private int _end; // in _bytes: where the segment ends, or the message in it
    private long _later; // bytes of the message in later segments

    /// <summary>
    /// Begins to read a message. Not a constructor: it would fill a temporary, and the copy of that would wait for the stores before it.
    /// </summary>
    public static void Open(in ReadOnlySequence<byte> message, out ProtobufReader reader)
    {
        reader = default;
        if (message.Start.GetObject() is ReadOnlySequenceSegment<byte> first)
        {
            reader.Enter(first, message.Start.GetInteger(), message.Length);
        }
        else
        {
            reader._message = message;
            reader._bytes = message.FirstSpan;
            reader._end = reader._bytes.Length;
        }
    }

    /// <summary>True when every field has been read.</summary>
    public readonly bool AtEnd => _at == _end && _later == 0;

    private readonly long Remaining => Here + _later;

    private readonly int Here => _end - _at; // bytes of the message that are left in this segment

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
        var at = _at;
        if (at < _end)
        {
            var only = _bytes[at];
            if (only < 0x80)
            {
                value = only;
                _at = at + 1;
                return true;
            }
        }

        return TryReadLongVarint(out value);
    }

    /// <summary>Reads a length and gives the bytes that it covers, in place.</summary>
    public bool TryReadBytes(out ReadOnlySequence<byte> bytes)
    {
        if (ReadLength() is var length && length < 0)
        {
            bytes = default;
            return false;
        }

        var (segment, at) = (_segment, _at);
        Advance(length);
        bytes = segment is null ? _message.Slice(at, length) : new ReadOnlySequence<byte>(segment, at, _segment!, _at);
        return true;
    }

    /// <summary>
    /// Reads a length and gives the bytes that it covers, but of more than <paramref name="scratch"/> has room for only the first: in place,
    /// or in <paramref name="scratch"/> when they lie in several segments.
    /// </summary>
    public bool TryReadBytes(Span<byte> scratch, out ReadOnlySpan<byte> bytes)
    {
        if (ReadLength() is var length && length < 0)
        {
            bytes = default;
            return false;
        }

        var count = (int)Math.Min(length, scratch.Length);
        if (count <= Here)
        {
            bytes = _bytes.Slice(_at, count);
            Advance(length);
        }
        else
        {
            bytes = scratch[..count];
            CopyTo(scratch[..count]);
            Advance(length - count);
        }

        return true;
    }

    /// <summary>Reads a length, which must be that of <paramref name="destination"/>, and copies so many bytes.</summary>
    public bool TryReadBytes(Span<byte> destination)
    {
        if (ReadLength() != destination.Length)
        {
            return false;
        }

        CopyTo(destination);
        return true;
    }

    /// <summary>Reads a length and gives a reader of the message that lies in so many bytes.</summary>
    public bool TryReadMessage(out ProtobufReader message)
    {
        if (ReadLength() is var length && length < 0)
        {
            message = default;
            return false;
        }

        message = this;
        message.EndAfter(length);
        Advance(length);
        return true;
    }

    /// <summary>
    /// Reads a length and goes into the message that lies in so many bytes: it is this reader's until <see cref="LeaveMessage"/>. Cheaper than
    /// <see cref="TryReadMessage"/>.
    /// </summary>
    /// <param name="behind">The bytes behind it, for <see cref="LeaveMessage"/>.</param>
    public bool TryEnterMessage(out long behind)
    {
        if (ReadLength() is var length && length < 0)
        {
            behind = 0;
            return false;
        }

        behind = Remaining - length;
        EndAfter(length);
        return true;
    }

    /// <summary>Goes on behind the message that was entered, which has been read to its end.</summary>
    public void LeaveMessage(long behind) => EndAfter(behind);

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
        var sum = 0UL; // and the others in registers, too
        var at = _at;
        var end = _end;
        var bytes = _bytes;
        for (var shift = 0; shift < 64; shift += 7)
        {
            while (at == end)
            {
                if (_later == 0)
                {
                    value = 0;
                    return false;
                }

                MoveToNextSegment(); // which may be empty
                at = 0;
                end = _end;
                bytes = _bytes;
            }

            ulong next = bytes[at++];
            sum |= (next & 0x7F) << shift;
            if (next < 0x80)
            {
                _at = at;
                value = sum;
                return shift < 63 || next <= 1;
            }
        }

        value = 0;
        return false;
    }

    // -1 when there is none, or it is more than remains.
    private long ReadLength() => TryReadVarint(out var length) && length <= (ulong)Remaining ? (long)length : -1;

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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Advance(long count)
    {
        while (count > Here)
        {
            count -= Here;
            MoveToNextSegment();
        }

        _at += (int)count;
    }

    // No more than what remains.
    private void CopyTo(Span<byte> destination)
    {
        while (destination.Length > Here)
        {
            var piece = _bytes[_at.._end];
            piece.CopyTo(destination);
            destination = destination[piece.Length..];
            MoveToNextSegment();
        }

        _bytes.Slice(_at, destination.Length).CopyTo(destination);
        _at += destination.Length;
    }

    // There is one, for _later is not 0. Rare, so kept out of its callers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MoveToNextSegment() => Enter(_segment!.Next!, at: 0, remaining: _later);

    private void Enter(ReadOnlySequenceSegment<byte> segment, int at, long remaining)
    {
        _segment = segment;
        _bytes = segment.Memory.Span;
        _at = at;
        EndAfter(remaining);
    }

    // The message ends so many bytes from here.
    private void EndAfter(long remaining)
    {
        var here = Math.Min(remaining, _bytes.Length - _at);
        _end = _at + (int)here;
        _later = remaining - here;
    }
}
