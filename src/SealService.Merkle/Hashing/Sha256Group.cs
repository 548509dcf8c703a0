using System.Buffers;
using System.Runtime.CompilerServices;

namespace SealService.Merkle;

/// <summary>
/// SHA-256 of up to sixteen messages at once, where they lie: side by side where the processor can (<see cref="Sha256Lanes"/>) and it
/// pays, otherwise one after another. Allocates nothing per message. Not for use by several threads at a time.
/// </summary>
public sealed class Sha256Group : IDisposable
{
    /// <summary>The most messages in a group.</summary>
    public const int MessagesMax = Sha256Lanes.Count;

    // 8 KiB, for short messages that lie across segments: copied together, all lanes go through in the same few pieces. Of sixteen
    // documents of 1 KiB one or two do in the transport's segments of 16 KiB, four in Kestrel's of 4 (SegmentedDocumentBenchmarks).
    private const int SharedScratchBlocks = 128;
    private const int OwnScratchBlocks = MessageLane.ScratchBlocksMin;

    private readonly MessageLane[] _lanes = new MessageLane[MessagesMax];
    private readonly byte[] _scratch = GC.AllocateUninitializedArray<byte>(
        ((MessagesMax * OwnScratchBlocks) + SharedScratchBlocks) * Sha256Lanes.BlockBytes, pinned: true);
    private readonly Sha256Incremental _single = new();
    private readonly bool _mayUseLanes;
    private long _blocks;
    private long _blocksOfLongest;

    /// <summary>Creates an empty group.</summary>
    public Sha256Group()
        : this(Sha256Lanes.IsSupported)
    {
    }

    internal Sha256Group(bool useLanes) => _mayUseLanes = useLanes;

    /// <summary>The number of messages.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of all messages.</summary>
    public long Bytes { get; private set; }

    /// <summary>Adds a message, whose memory must not change before <see cref="Finish"/>.</summary>
    /// <exception cref="InvalidOperationException">The group is full.</exception>
    public void Add(in ReadOnlySequence<byte> message)
    {
        if (Count == MessagesMax)
        {
            throw new InvalidOperationException($"A group has at most {MessagesMax} messages.");
        }

        ref MessageLane lane = ref _lanes[Count++];
        lane.Begin(message);
        Bytes += message.Length;
        long blocks = lane.BlocksLeft;
        _blocks += blocks;
        _blocksOfLongest = Math.Max(_blocksOfLongest, blocks);
    }

    /// <summary>Writes the messages' digests, in the order in which they were added, and empties the group.</summary>
    /// <exception cref="ArgumentException"><paramref name="digests"/> has less room than there are messages.</exception>
    public void Finish(Span<MerkleHash> digests)
    {
        if (digests.Length < Count)
        {
            throw new ArgumentException($"There are {Count} digests.", nameof(digests));
        }

        try
        {
            if (_mayUseLanes && _blocks > Sha256Lanes.StepCostInBlocks * _blocksOfLongest)
            {
                HashSideBySide(digests);
            }
            else
            {
                HashOneByOne(digests);
            }
        }
        finally
        {
            Clear();
        }
    }

    /// <summary>Forgets the messages.</summary>
    public void Clear()
    {
        foreach (ref MessageLane lane in _lanes.AsSpan(0, Count))
        {
            lane.End();
        }

        Count = 0;
        Bytes = 0;
        _blocks = 0;
        _blocksOfLongest = 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Clear();
        _single.Dispose();
    }

    private void HashOneByOne(Span<MerkleHash> digests)
    {
        for (int i = 0; i < Count; i++)
        {
            _single.Append(_lanes[i].Message);
            digests[i] = _single.Finish();
        }
    }

    [SkipLocalsInit]
    private unsafe void HashSideBySide(Span<MerkleHash> digests)
    {
        byte** blocks = stackalloc byte*[Sha256Lanes.Count];
        long* strides = stackalloc long[Sha256Lanes.Count];
        long* blocksLeft = stackalloc long[Sha256Lanes.Count]; // in the pieces
        new Span<nint>(blocks, Sha256Lanes.Count).Fill((nint)Sha256Lanes.IdleBlock);
        new Span<long>(strides, Sha256Lanes.Count).Clear();
        new Span<long>(strides, Count).Fill(Sha256Lanes.BlockBytes);
        new Span<long>(blocksLeft, Count).Clear();
        GiveScratch();
        Sha256Lanes.State state;
        Sha256Lanes.Begin(&state);
        long steps = 0;
        Advance(blocks, strides, blocksLeft, ref steps);
        for (uint busy = (1u << Count) - 1; busy != 0;)
        {
            Sha256Lanes.Compress(&state, blocks, strides, steps);
            uint finished = Advance(blocks, strides, blocksLeft, ref steps);
            Sha256Lanes.Read(&state, finished, digests);
            busy &= ~finished;
        }
    }

    private unsafe void GiveScratch()
    {
        byte* own = (byte*)Unsafe.AsPointer(ref _scratch[0]); // the array is pinned
        byte* shared = own + (MessagesMax * OwnScratchBlocks * Sha256Lanes.BlockBytes);
        int sharedBlocks = SharedScratchBlocks;
        foreach (ref MessageLane lane in _lanes.AsSpan(0, Count))
        {
            long blocks = Math.Max(lane.BlocksLeft, OwnScratchBlocks);
            if (lane.IsInOneSegment || blocks > sharedBlocks)
            {
                lane.UseScratch(own, OwnScratchBlocks);
            }
            else
            {
                lane.UseScratch(shared, (int)blocks);
                shared += blocks * Sha256Lanes.BlockBytes;
                sharedBlocks -= (int)blocks;
            }

            own += OwnScratchBlocks * Sha256Lanes.BlockBytes;
        }
    }

    // Goes so many steps on in every message that has not finished. Of those that have now, returns the bits; the others have a piece
    // again, and the shortest of them is how many steps there are next.
    private unsafe uint Advance(byte** blocks, long* strides, long* blocksLeft, ref long steps)
    {
        uint finished = 0;
        long next = long.MaxValue;
        for (int lane = 0; lane < Count; lane++)
        {
            if (strides[lane] == 0)
            {
                continue;
            }

            blocks[lane] += Sha256Lanes.BlockBytes; // Compress has moved it to the last block that it took
            blocksLeft[lane] -= steps;
            if (blocksLeft[lane] == 0)
            {
                blocksLeft[lane] = _lanes[lane].TakePiece(out blocks[lane]);
            }

            if (blocksLeft[lane] > 0)
            {
                next = Math.Min(next, blocksLeft[lane]);
            }
            else
            {
                finished |= 1u << lane;
                blocks[lane] = Sha256Lanes.IdleBlock;
                strides[lane] = 0;
            }
        }

        steps = next;
        return finished;
    }
}
