using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SealService.Merkle;

/// <summary>Up to sixteen short messages for <see cref="Sha256Lanes"/>, copied into slots with a first byte of their own, and padded there.</summary>
[StructLayout(LayoutKind.Auto)]
internal unsafe ref struct ShortMessageLanes
{
    /// <summary>The slots of all lanes.</summary>
    public const int SlotsBytes = Sha256Lanes.Count * SlotBytes;

    /// <summary>The longest message, without its first byte.</summary>
    public const int MessageBytesMax = SlotBytes - Sha256Lanes.LengthBytes - 2;

    private const int SlotBlocks = 8;
    private const int SlotBytes = SlotBlocks * Sha256Lanes.BlockBytes;

    private readonly byte* _slots;
    private fixed ushort _ends[SlotBlocks]; // for each block the lanes, a bit for each, whose message ends with it
    private int _count;

    /// <param name="slots"><see cref="SlotsBytes"/> bytes of the caller's, with any content.</param>
    public ShortMessageLanes(byte* slots)
    {
        this = default; // a fixed buffer is otherwise left as it was
        _slots = slots;
    }

    /// <summary>Whether so many more messages are better hashed side by side.</summary>
    public static bool Pay(int messages) => messages >= Sha256Lanes.StepCostInBlocks && Sha256Lanes.IsSupported;

    /// <summary>Adds SHA-256's input <c>first || rest</c>, of which the rest is at most <see cref="MessageBytesMax"/>.</summary>
    public void Add(byte first, ReadOnlySpan<byte> rest)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rest.Length, MessageBytesMax, nameof(rest));
        byte* slot = _slots + (_count * SlotBytes);
        int length = 1 + rest.Length;
        int last = (int)Sha256Lanes.BlocksOf(length) - 1;
        byte* lastBlock = slot + (last * Sha256Lanes.BlockBytes);
        Vector512<byte>.Zero.Store(slot + (length & -Sha256Lanes.BlockBytes)); // where the padding begins: this block or the one before
        Vector512<byte>.Zero.Store(lastBlock);
        slot[0] = first;
        rest.CopyTo(new Span<byte>(slot + 1, MessageBytesMax));
        slot[length] = 0x80;
        Sha256Lanes.WriteLength(lastBlock, length);
        _ends[last] |= (ushort)(1 << _count);
        _count++;
    }

    /// <summary>Writes the messages' hashes, in the order in which they were added, and begins anew.</summary>
    [SkipLocalsInit]
    public void Finish(Span<MerkleHash> hashes)
    {
        byte** blocks = stackalloc byte*[Sha256Lanes.Count];
        Sha256Lanes.State state;
        Sha256Lanes.Begin(&state);
        uint busy = (1u << _count) - 1;
        for (int step = 0; busy != 0; step++)
        {
            // What lies behind a message, or in a slot without one, is hashed as well, and not read.
            for (int lane = 0; lane < Sha256Lanes.Count; lane++)
            {
                blocks[lane] = _slots + (lane * SlotBytes) + (step * Sha256Lanes.BlockBytes);
            }

            Sha256Lanes.Compress(&state, blocks);
            uint finished = _ends[step];
            Sha256Lanes.Read(&state, finished, hashes);
            busy &= ~finished;
            _ends[step] = 0;
        }

        _count = 0;
    }
}
