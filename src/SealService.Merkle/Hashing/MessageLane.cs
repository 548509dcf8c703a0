using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>
/// Gives one message in pieces of whole blocks: where they lie as far as they are whole there, otherwise (across two segments, and at the
/// padded end) put together in scratch.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct MessageLane
{
    /// <summary>The least scratch that a lane needs: the end of a message with its padding.</summary>
    public const int ScratchBlocksMin = 2;

    private ReadOnlySequence<byte> _message;
    private SequencePosition _next; // the segment after the current one
    private MemoryHandle _pin; // of the current segment
    private byte* _at;
    private int _left; // in the current segment
    private byte* _scratch;
    private int _scratchBlocks;

    /// <summary>The message.</summary>
    public readonly ReadOnlySequence<byte> Message => _message;

    /// <summary>Whether nothing of it lies across segments.</summary>
    public readonly bool IsInOneSegment => _message.IsSingleSegment;

    /// <summary>Blocks that were not taken yet.</summary>
    public long BlocksLeft { get; private set; }

    /// <summary>Takes a message, of which <see cref="BlocksLeft"/> is known from here on.</summary>
    public void Begin(in ReadOnlySequence<byte> message)
    {
        _message = message;
        BlocksLeft = Sha256Lanes.BlocksOf(message.Length);
    }

    /// <summary>To be called before the first piece is taken.</summary>
    /// <param name="scratch">Pinned memory. When it has room for the whole message, padded, that is given in one piece.</param>
    /// <param name="blocks">Its size, at least <see cref="ScratchBlocksMin"/>.</param>
    public void UseScratch(byte* scratch, int blocks)
    {
        _scratch = scratch;
        _scratchBlocks = blocks;
        _next = _message.Start;
        _left = 0;
    }

    /// <summary>The number of blocks of the next piece, 0 when the message is at its end.</summary>
    /// <param name="piece">Where they lie, valid until the next call.</param>
    public long TakePiece(out byte* piece)
    {
        piece = _scratch;
        long blocks = BlocksLeft;
        if (blocks > _scratchBlocks)
        {
            bool isWhole = (_left > 0 || TryNextSegment()) && _left >= Sha256Lanes.BlockBytes;
            blocks = isWhole ? _left / Sha256Lanes.BlockBytes : 1;
            int bytes = (int)blocks * Sha256Lanes.BlockBytes;
            if (isWhole)
            {
                piece = _at;
                Skip(bytes);
            }
            else
            {
                Gather(new Span<byte>(_scratch, bytes));
            }
        }
        else if (blocks > 0)
        {
            GatherEnd(new Span<byte>(_scratch, (int)blocks * Sha256Lanes.BlockBytes));
        }

        BlocksLeft -= blocks;
        return blocks;
    }

    /// <summary>Lets the message's memory go.</summary>
    public void End()
    {
        _pin.Dispose();
        _message = default;
        _next = default;
    }

    // What is left of the message, padded: FIPS 180-4 section 5.1.1.
    private void GatherEnd(Span<byte> end)
    {
        Span<byte> padding = end[Gather(end)..];
        padding.Clear();
        padding[0] = 0x80;
        BinaryPrimitives.WriteInt64BigEndian(padding[^Sha256Lanes.LengthBytes..], _message.Length * 8);
    }

    private int Gather(Span<byte> destination)
    {
        int filled = 0;
        while (filled < destination.Length && (_left > 0 || TryNextSegment()))
        {
            int taken = Math.Min(destination.Length - filled, _left);
            new ReadOnlySpan<byte>(_at, taken).CopyTo(destination[filled..]);
            Skip(taken);
            filled += taken;
        }

        return filled;
    }

    private void Skip(int bytes)
    {
        _at += bytes;
        _left -= bytes;
    }

    private bool TryNextSegment()
    {
        while (_message.TryGet(ref _next, out ReadOnlyMemory<byte> segment))
        {
            if (!segment.IsEmpty)
            {
                _pin.Dispose();
                _pin = segment.Pin();
                _at = (byte*)_pin.Pointer;
                _left = segment.Length;
                return true;
            }
        }

        return false;
    }
}
