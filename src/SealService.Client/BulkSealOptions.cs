namespace SealService.Client;

/// <summary>Limits and habits of one bulk run. All maxima are for each connection.</summary>
public sealed record BulkSealOptions
{
    /// <summary>The most that <see cref="WholeDocumentBytesMax"/> and <see cref="ChunkBytes"/> may be: below gRPC's usual message limit of 4 MiB.</summary>
    public const int MessageContentBytesMax = 2 * 1024 * 1024;

    /// <summary>Documents that were sent, or are being sent, and are not answered.</summary>
    public int OutstandingDocumentsMax { get; init; } = 8192;

    /// <summary>
    /// Bytes of such documents. It is exceeded by one document at most; a document that goes in chunks counts as one chunk.
    /// </summary>
    public long OutstandingBytesMax { get; init; } = 32 * 1024 * 1024;

    /// <summary>Documents up to this size go whole, in one message.</summary>
    public int WholeDocumentBytesMax { get; init; } = 256 * 1024;

    /// <summary>Bytes of a bigger document that go in one message.</summary>
    public int ChunkBytes { get; init; } = 256 * 1024;

    /// <summary>Bigger documents that are sent at the same time, chunk by chunk in turn, with small ones between.</summary>
    public int InterleavedDocumentsMax { get; init; } = 4;

    /// <summary>How often one document is sent again after the server answered for it that it is unavailable.</summary>
    public int ResendsMax { get; init; } = 10;

    /// <summary>The run fails when the server has not answered anything for so long, in spite of new connections.</summary>
    public TimeSpan GiveUpAfter { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The first delay before a new connection; each further one is twice as long, and all are jittered.</summary>
    public TimeSpan ReconnectDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest delay before a new connection.</summary>
    public TimeSpan ReconnectDelayMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Where the jitter comes from; a test gives a seeded one.</summary>
    public Random Jitter { get; init; } = Random.Shared;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(OutstandingDocumentsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutstandingBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(WholeDocumentBytesMax, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(WholeDocumentBytesMax, MessageContentBytesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(ChunkBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ChunkBytes, MessageContentBytesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(InterleavedDocumentsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ResendsMax, 0);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(GiveUpAfter, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ReconnectDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(ReconnectDelayMax, ReconnectDelay);
    }
}
