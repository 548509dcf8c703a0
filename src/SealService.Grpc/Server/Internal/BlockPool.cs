using System.Buffers;
using System.Runtime.InteropServices;

namespace Grpc.Server.Internal;

/// <summary>
/// Pinned blocks of one size for the web server's pipes. The block that came back last goes out first: it is the one that the processor's
/// caches still hold. Thread-safe; a block is large, so one lock a block costs nothing.
/// </summary>
/// <param name="blockBytes">The size of each block, and the most that can be rented.</param>
/// <param name="keptBytesMax">So many bytes of blocks wait to be used again; what comes back beyond that is the garbage collector's.</param>
internal sealed class BlockPool(int blockBytes, long keptBytesMax) : MemoryPool<byte>
{
    private readonly Lock _gate = new();
    private readonly Stack<Block> _kept = new(); // guarded by _gate

    public override int MaxBufferSize => blockBytes;

    /// <summary>Bytes of the blocks that wait to be used again.</summary>
    public long KeptBytes
    {
        get
        {
            lock (_gate)
            {
                return (long)_kept.Count * blockBytes;
            }
        }
    }

    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="MaxBufferSize"/>.</exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, blockBytes);
        lock (_gate)
        {
            if (_kept.TryPop(out var kept))
            {
                kept.IsRented = true;
                return kept;
            }
        }

        return new Block(this);
    }

    /// <summary>Nothing to do: the web server disposes of a pool with each of its listeners, and this one is of all of them.</summary>
    protected override void Dispose(bool disposing)
    {
    }

    private void Return(Block block)
    {
        lock (_gate)
        {
            if (!block.IsRented)
            {
                // Given back twice it would have two owners, who write into each other's bytes.
                throw new InvalidOperationException("The block was given back before.");
            }

            block.IsRented = false;
            if ((_kept.Count + 1L) * blockBytes <= keptBytesMax)
            {
                _kept.Push(block);
            }
        }
    }

    private sealed class Block(BlockPool pool) : IMemoryOwner<byte>
    {
        public bool IsRented { get; set; } = true; // guarded by the pool's gate

        public Memory<byte> Memory { get; } =
            MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(pool.MaxBufferSize, pinned: true), 0, pool.MaxBufferSize);

        public void Dispose() => pool.Return(this);
    }
}
