using SealService.Merkle;

namespace SealService.Client;

/// <summary>
/// Verifies documents against their receipts with public keys alone: no server, no network. Safe for concurrent use, and
/// made for it: the signature of a checkpoint that many receipts share is verified once.
/// </summary>
public sealed class OfflineVerifier(IEnumerable<VerifierKey> trustedKeys)
{
    private readonly ReceiptVerifier _receipts = new(trustedKeys);

    /// <summary>Verifies a document against a receipt.</summary>
    /// <exception cref="IOException">The document can't be read.</exception>
    public DocumentVerification Verify(Stream document, Receipt receipt) => Verify(DocumentDigest.Compute(document), receipt);

    /// <summary>Verifies a file against a receipt.</summary>
    /// <exception cref="IOException">The file can't be read.</exception>
    public DocumentVerification VerifyFile(string path, Receipt receipt) => Verify(DocumentDigest.ComputeFile(path), receipt);

    /// <summary>Verifies a file against a receipt file. What can't be read is not valid.</summary>
    public DocumentVerification VerifyFile(string path, string receiptPath)
    {
        if (!ReceiptFile.TryRead(receiptPath, out var receipt, out var error))
        {
            return new DocumentVerification(null, null, null, error);
        }

        try
        {
            return VerifyFile(path, receipt);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new DocumentVerification(null, receipt, null, $"the document can't be read: {e.Message}");
        }
    }

    private DocumentVerification Verify(DocumentDigest document, Receipt receipt) =>
        new(document, receipt, _receipts.Verify(receipt, document.Digest, document.SizeBytes), null);
}

/// <summary>What came of verifying a document.</summary>
/// <param name="Document">The document's digest and size; null when it was not read.</param>
/// <param name="Receipt">The receipt; null when it could not be read.</param>
/// <param name="Report">The checks; null when there was nothing to check.</param>
/// <param name="Problem">Why there was nothing to check.</param>
public sealed record DocumentVerification(DocumentDigest? Document, Receipt? Receipt, VerificationReport? Report, string? Problem)
{
    /// <summary>True when the document is the one that was sealed, by a ledger that a trusted key signs for.</summary>
    public bool IsValid => Report is { IsValid: true };

    /// <summary>What the receipt's entry says, as far as it can be read; believe it when the verification is valid.</summary>
    public EntryDetails? ReadEntry() =>
        Receipt is not null && EntryDetails.TryRead(Receipt.Entry.Span, out var entry, out _) ? entry : null;

    /// <summary>The origin that the receipt's checkpoint states; believe it when the verification is valid.</summary>
    public string? ReadOrigin() =>
        Receipt is not null && Checkpoint.TryParseNote(Receipt.Checkpoint, out _, out var checkpoint, out _) ? checkpoint.Origin : null;
}
