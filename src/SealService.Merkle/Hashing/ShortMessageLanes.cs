using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace SealService.Merkle;

/// <summary>Up to sixteen short messages for <see cref="Sha256Lanes"/>, copied into slots with a first byte of their own, and padded there.</summary>
[StructLayout(LayoutKind.Auto)]
internal unsafe ref struct ShortMessageLanes
{
    /// <summary>The slots of all lanes.</summary>
    public const int SlotsBytes = Sha256Lanes.Count * SlotBytes;

    /// <summary>The longest message, without its first byte.</summary>
    public const int MessageBytesMax = SlotBytes - Sha256Lanes.LengthBytes - 2;

    private const int SlotBytes = 8 * Sha256Lanes.BlockBytes;

    private readonly byte* _slots;
    private fixed byte _blocks[Sha256Lanes.Count];
    private int _count;
    private int _steps;
    private bool _isUniform = true; // all messages have as many blocks

    /// <param name="slots"><see cref="SlotsBytes"/> bytes of the caller's, with any content.</param>
    public ShortMessageLanes(byte* slots) => _slots = slots;

    /// <summary>Whether so many more messages are better hashed side by side.</summary>
    public static bool Pay(int messages) => messages >= Sha256Lanes.StepCostInBlocks && Sha256Lanes.IsSupported;

    /// <summary>Adds SHA-256's input <c>first || rest</c>.</summary>
    public void Add(byte first, ReadOnlySpan<byte> rest)
    {
        byte* slot = _slots + (_count * SlotBytes);
        int length = 1 + rest.Length;
        int blocks = (int)Sha256Lanes.BlocksOf(length);
        slot[0] = first;
        rest.CopyTo(new Span<byte>(slot + 1, MessageBytesMax));
        slot[length] = 0x80;
        byte* lastBlock = slot + ((blocks - 1) * Sha256Lanes.BlockBytes);
        NativeMemory.Clear(slot + length + 1, (nuint)(lastBlock + Sha256Lanes.BlockBytes - (slot + length + 1)));
        Sha256Lanes.WriteLength(lastBlock, length);
        _isUniform &= _count == 0 || blocks == _steps;
        _blocks[_count++] = (byte)blocks;
        _steps = Math.Max(_steps, blocks);
    }

    /// <summary>Writes the messages' hashes, in the order in which they were added, and begins anew.</summary>
    [SkipLocalsInit]
    public void Finish(Span<MerkleHash> hashes)
    {
        byte** blocks = stackalloc byte*[Sha256Lanes.Count];
        Sha256Lanes.State state;
        Sha256Lanes.Begin(&state);
        for (int step = 0; step < _steps; step++)
        {
            for (int lane = 0; lane < Sha256Lanes.Count; lane++)
            {
                bool isBusy = lane < _count && step < _blocks[lane];
                blocks[lane] = isBusy ? _slots + (lane * SlotBytes) + (step * Sha256Lanes.BlockBytes) : Sha256Lanes.IdleBlock;
            }

            Sha256Lanes.Compress(&state, blocks);
            ReadFinished(&state, step + 1, hashes);
        }

        _count = 0;
        _steps = 0;
        _isUniform = true;
    }

    private readonly void ReadFinished(Sha256Lanes.State* state, int step, Span<MerkleHash> hashes)
    {
        if (step == _steps && _isUniform && _count == Sha256Lanes.Count && hashes.Length >= Sha256Lanes.Count)
        {
            fixed (MerkleHash* all = hashes)
            {
                Sha256Lanes.ReadAll(state, all);
            }

            return;
        }

        for (int lane = 0; lane < _count; lane++)
        {
            if (_blocks[lane] == step)
            {
                hashes[lane] = Sha256Lanes.Read(state, lane);
            }
        }
    }
}
