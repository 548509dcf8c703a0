using SealService.Merkle;

namespace SealService.Client.Bulk;

/// <summary>A document that is being sent in chunks: its open content and the hash of what was sent. Owned by its sender.</summary>
internal sealed class ChunkedDocument(OutstandingDocument document, Stream content) : IDisposable
{
    public OutstandingDocument Document { get; } = document;

    public Stream Content { get; } = content;

    /// <summary>The name of the document in the stream.</summary>
    public ulong Reference { get; set; }

    public Sha256Incremental Hash { get; } = new();

    public void Dispose()
    {
        Hash.Dispose();
        Content.Dispose();
    }
}
