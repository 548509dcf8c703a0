using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>A document of a <see cref="SharedWriter"/>: a copy of what its caller says about it, and the caller's wait for what becomes of it.</summary>
internal sealed class WaitingDocument(in DocumentSeal document)
{
    private readonly EntryKind _kind = document.Kind;
    private readonly MerkleHash _digest = MerkleHash.Read(document.Digest);
    private readonly long _sizeBytes = document.SizeBytes;
    private readonly byte[] _documentId = document.DocumentId.ToArray();
    private readonly byte[] _metadataCommitment = document.MetadataCommitment.ToArray();
    private readonly Claim? _claim = document.Claim;
    private readonly AsyncSignal _settled = new();
    private SealOutcome _outcome; // written before _settled is set, read after

    public DocumentSeal ToSeal() => new()
    {
        Kind = _kind,
        Digest = _digest.AsSpan(),
        SizeBytes = _sizeBytes,
        DocumentId = _documentId,
        MetadataCommitment = _metadataCommitment,
        Claim = _claim,
    };

    public void Settle(SealOutcome outcome)
    {
        _outcome = outcome;
        _settled.Set(); // its caller goes on elsewhere
    }

    /// <summary>What became of it; after <see cref="WaitAsync"/>.</summary>
    public SealOutcome Outcome => _outcome;

    public ValueTask WaitAsync(CancellationToken cancellationToken) => _settled.WaitAsync(cancellationToken);
}
