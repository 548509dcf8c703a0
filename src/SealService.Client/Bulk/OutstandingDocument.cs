using SealService.Merkle;

namespace SealService.Client.Bulk;

/// <summary>
/// A document from the moment its sending begins until its result is there. Written by the loop that sends; the loop that
/// reads takes it over through <see cref="OutstandingDocuments"/>, whose lock orders the two.
/// </summary>
internal sealed class OutstandingDocument(DocumentToSeal document)
{
    private volatile bool _isAnswered;

    public DocumentToSeal Document { get; } = document;

    /// <summary>Fixed at the first sending, so that each further one is the same seal.</summary>
    public string? IdempotencyKey { get; set; } = document.IdempotencyKey;

    /// <summary>What the document must be: the caller's word, or the first reading, from which the idempotency key was made.</summary>
    public MerkleHash? ExpectedDigest { get; set; } = document.ExpectedDigest;

    /// <summary>What was sent last, hashed on the way; the answer has to match it.</summary>
    public MerkleHash Digest { get; set; }

    public long SizeBytes { get; set; }

    /// <summary>What it takes of the window of bytes.</summary>
    public long WindowBytes { get; set; }

    public int Resends { get; set; }

    /// <summary>Set when an answer came while chunks were still being sent: the rest can stay here.</summary>
    public bool IsAnswered => _isAnswered;

    /// <summary>True when the stream's window has it, so that a broken stream gives it back.</summary>
    public bool IsOutstanding { get; set; }

    public void SetAnswered() => _isAnswered = true;

    /// <summary>What the entry must have been made of.</summary>
    public SubmittedDocument ToSubmitted() => new()
    {
        Kind = EntryKind.Document,
        Digest = Digest,
        SizeBytes = SizeBytes,
        DocumentId = Document.DocumentId,
        IdempotencyKey = IdempotencyKey,
        MetadataCommitment = Document.MetadataCommitment,
    };

    public void BeginSending()
    {
        Digest = default;
        SizeBytes = 0;
        IsOutstanding = false;
        _isAnswered = false;
    }
}
