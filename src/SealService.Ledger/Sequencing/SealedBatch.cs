using System.Buffers;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>
/// A durable batch on its way to the derived data; from the sequencer or, on start, from the scan. Its buffers are the array
/// pool's: whoever applies it disposes of it.
/// </summary>
internal sealed class SealedBatch(
    LedgerRecord record, byte[] recordBuffer, BatchTree? tree, long address, CompactRange edge, SignedHead head) : IDisposable
{
    public LedgerRecord Record => record;

    /// <summary>The nodes of the batch's leaves; null when it has none.</summary>
    public BatchTree? Tree => tree;

    /// <summary>The memory that it keeps from others, in bytes, but for some small objects.</summary>
    public long HeldBytes => recordBuffer.Length + (tree?.HeldBytes ?? 0);

    /// <summary>Where the record lies.</summary>
    public long Address => address;

    /// <summary>The compact range [0, <see cref="Head"/>.TreeSize); nobody changes it any more.</summary>
    public CompactRange Edge => edge;

    public SignedHead Head => head;

    /// <summary>The idempotency keys to give free once the index holds them.</summary>
    public List<Claim> Claims { get; } = [];

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(recordBuffer);
        tree?.Dispose();
    }
}
