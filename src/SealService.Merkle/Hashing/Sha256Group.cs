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

    private readonly ReadOnlySequence<byte>[] _messages = new ReadOnlySequence<byte>[MessagesMax];
    private readonly MessageLane[] _lanes = new MessageLane[MessagesMax];
    private readonly byte[] _scratch = GC.AllocateUninitializedArray<byte>(MessagesMax * Sha256Lanes.BlockBytes, pinned: true);
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

        _messages[Count++] = message;
        Bytes += message.Length;
        long blocks = Sha256Lanes.BlocksOf(message.Length);
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

        if (_mayUseLanes && _blocks > Sha256Lanes.StepCostInBlocks * _blocksOfLongest)
        {
            HashSideBySide(digests);
        }
        else
        {
            HashOneByOne(digests);
        }

        Clear();
    }

    /// <summary>Forgets the messages.</summary>
    public void Clear()
    {
        _messages.AsSpan(0, Count).Clear();
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
            _single.Append(_messages[i]);
            digests[i] = _single.Finish();
        }
    }

    [SkipLocalsInit]
    private unsafe void HashSideBySide(Span<MerkleHash> digests)
    {
        byte** blocks = stackalloc byte*[Sha256Lanes.Count];
        long* strides = stackalloc long[Sha256Lanes.Count];
        Sha256Lanes.State state;
        Sha256Lanes.Begin(&state);
        new Span<nint>(blocks, Sha256Lanes.Count).Fill((nint)Sha256Lanes.IdleBlock);
        new Span<long>(strides, Sha256Lanes.Count).Clear();
        try
        {
            for (int lane = 0; lane < Count; lane++)
            {
                byte* scratch = (byte*)Unsafe.AsPointer(ref _scratch[lane * Sha256Lanes.BlockBytes]); // the array is pinned
                _lanes[lane].Begin(_messages[lane], scratch);
            }

            for (long taken = 0; taken < _blocksOfLongest;)
            {
                long steps = TakePieces(blocks, strides);
                Sha256Lanes.Compress(&state, blocks, strides, steps);
                taken += steps;
                ReadFinished(&state, strides, digests);
            }
        }
        finally
        {
            foreach (ref MessageLane lane in _lanes.AsSpan(0, Count))
            {
                lane.End();
            }
        }
    }

    // Of every message that has blocks left equally many, as many as all of them have in one piece.
    private unsafe long TakePieces(byte** blocks, long* strides)
    {
        long steps = long.MaxValue;
        foreach (ref MessageLane lane in _lanes.AsSpan(0, Count))
        {
            if (lane.BlocksLeft > 0)
            {
                steps = Math.Min(steps, lane.BlocksInPiece);
            }
        }

        for (int i = 0; i < Count; i++)
        {
            bool isBusy = _lanes[i].BlocksLeft > 0;
            blocks[i] = isBusy ? _lanes[i].Take(steps) : Sha256Lanes.IdleBlock;
            strides[i] = isBusy ? Sha256Lanes.BlockBytes : 0;
        }

        return steps;
    }

    private unsafe void ReadFinished(Sha256Lanes.State* state, long* strides, Span<MerkleHash> digests)
    {
        for (int lane = 0; lane < Count; lane++)
        {
            if (strides[lane] > 0 && _lanes[lane].BlocksLeft == 0)
            {
                digests[lane] = Sha256Lanes.Read(state, lane);
            }
        }
    }
}
