using System.Collections.Concurrent;

namespace SealService.Ledger.Sequencing;

/// <summary>Segments that are not in use. They hold no large buffer here: those go back to the array pool.</summary>
internal sealed class SegmentPool(int entriesMax, ClaimRegistry claims)
{
    // Each keeps a cipher and 13 KiB; more than these are not kept.
    private const int IdleMax = 1024;

    private readonly ConcurrentQueue<Segment> _idle = new();
    private int _idleCount; // interlocked

    public int EntriesMax => entriesMax;

    public Segment Rent()
    {
        if (_idle.TryDequeue(out Segment? segment))
        {
            Interlocked.Decrement(ref _idleCount);
            return segment;
        }

        return new Segment(this);
    }

    public void Return(Segment segment)
    {
        if (Interlocked.Increment(ref _idleCount) <= IdleMax)
        {
            _idle.Enqueue(segment);
        }
        else
        {
            Interlocked.Decrement(ref _idleCount);
            segment.Dispose();
        }
    }

    /// <summary>Takes a claim over from the caller who adds its document.</summary>
    /// <exception cref="ArgumentException">It is not a claim of this ledger that is still held.</exception>
    public void Take(Claim claim)
    {
        if (!claim.BelongsTo(claims) || !claim.TryMarkAdded())
        {
            throw new ArgumentException("The claim is not this ledger's, or it is spent.", nameof(claim));
        }
    }
}
