using System.Buffers;
using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>
/// Gives one message in pieces of whole blocks: where they lie as far as they are whole there, otherwise (across two segments, and at the
/// padded end) put together in scratch.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct MessageLane
{
    private ReadOnlySequence<byte> _message;
    private SequencePosition _next; // the segment after the current one
    private MemoryHandle _pin; // of the current segment
    private byte* _at;
    private int _left; // in the current segment
    private byte* _scratch;
    private bool _isEnded; // the bit that follows the message was given

    /// <summary>Blocks that were not taken yet.</summary>
    public long BlocksLeft { get; private set; }

    /// <param name="message">The message.</param>
    /// <param name="scratch">A block of pinned memory.</param>
    public void Begin(in ReadOnlySequence<byte> message, byte* scratch)
    {
        _message = message;
        _next = message.Start;
        _scratch = scratch;
        _at = null;
        _left = 0;
        _isEnded = false;
        BlocksLeft = Sha256Lanes.BlocksOf(message.Length);
    }

    /// <summary>The number of blocks that <see cref="Take"/> can give in one piece; at least 1 while blocks are left.</summary>
    public long BlocksInPiece
    {
        get
        {
            if (_left == 0)
            {
                TryNextSegment();
            }

            return Math.Max(1, _left / Sha256Lanes.BlockBytes);
        }
    }

    /// <summary>So many blocks in one piece, valid until the next call.</summary>
    public byte* Take(long blocks)
    {
        BlocksLeft -= blocks;
        if (_left < Sha256Lanes.BlockBytes)
        {
            return AssembleBlock();
        }

        byte* piece = _at;
        int bytes = (int)blocks * Sha256Lanes.BlockBytes;
        _at += bytes;
        _left -= bytes;
        return piece;
    }

    /// <summary>Lets the message's memory go.</summary>
    public void End()
    {
        _pin.Dispose();
        _message = default;
        _next = default;
    }

    private byte* AssembleBlock()
    {
        Span<byte> block = new(_scratch, Sha256Lanes.BlockBytes);
        int filled = 0;
        while (filled < block.Length && (_left > 0 || TryNextSegment()))
        {
            int taken = Math.Min(block.Length - filled, _left);
            new ReadOnlySpan<byte>(_at, taken).CopyTo(block[filled..]);
            _at += taken;
            _left -= taken;
            filled += taken;
        }

        if (filled < block.Length)
        {
            Pad(block, filled);
        }

        return _scratch;
    }

    /// <summary>FIPS 180-4 section 5.1.1.</summary>
    private void Pad(Span<byte> block, int filled)
    {
        block[filled..].Clear();
        if (!_isEnded)
        {
            block[filled] = 0x80;
            _isEnded = true;
        }

        if (BlocksLeft == 0)
        {
            Sha256Lanes.WriteLength(_scratch, _message.Length);
        }
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
