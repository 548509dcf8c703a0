using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services.Sealing;

/// <summary>A document of a bulk stream that has begun and not ended: its hash so far. Owned by the reading side of its call; reused.</summary>
internal sealed class OpenDocument : IDisposable
{
    public DocumentFields Fields { get; } = new();

    public Sha256Incremental Hash { get; } = new();

    public long SizeBytes { get; set; }

    /// <summary>It was answered as failed already; the rest of it is read and dropped.</summary>
    public bool Failed { get; set; }

    public void Reset()
    {
        Fields.Reset();
        Hash.Reset();
        SizeBytes = 0;
        Failed = false;
    }

    public void Dispose() => Hash.Dispose();
}
