using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace SealService.Merkle;

/// <summary>
/// Gives one message block by block: where it lies as long as a block is whole there, otherwise (across two segments, and at the
/// padded end) put together in scratch.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal unsafe struct MessageLane
{
    private const int PrefetchedBlocks = 2;

    private ReadOnlySequence<byte> _message;
    private SequencePosition _next; // the segment after the current one
    private MemoryHandle _pin; // of the current segment
    private byte* _at;
    private int _left; // in the current segment
    private byte* _scratch;
    private bool _isEnded; // the bit that follows the message was given

    /// <summary>Blocks that were not taken in yet; counted by the caller.</summary>
    public long BlocksLeft { get; set; }

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

    /// <summary>64 bytes, valid until the next call.</summary>
    public byte* NextBlock()
    {
        if (_left < Sha256Lanes.BlockBytes)
        {
            return AssembleBlock();
        }

        // Sixteen messages are more than the processor's own prefetching follows. Past the end it does nothing.
        Sse.Prefetch0(_at + (PrefetchedBlocks * Sha256Lanes.BlockBytes));
        byte* block = _at;
        _at += Sha256Lanes.BlockBytes;
        _left -= Sha256Lanes.BlockBytes;
        return block;
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
        if (_left == 0 && TryNextSegment() && _left >= Sha256Lanes.BlockBytes)
        {
            return NextBlock();
        }

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

        if (BlocksLeft == 1)
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
