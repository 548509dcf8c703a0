using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace SealService.Merkle;

/// <summary>
/// Checks receipts offline, with public keys alone. Hostile receipts give a report, never an exception. Checkpoints that
/// verified are remembered, so that the receipts of one checkpoint cost one signature check. Safe for use by several threads.
/// </summary>
/// <remarks>
/// Without a key for the receipt's origin everything else is still checked: <see cref="CheckKind.Origin"/> fails and
/// <see cref="CheckKind.Signature"/> is skipped, so the report is not valid. To trust on first use, get the key by a way that you
/// trust, keep it, and verify with a new verifier.
/// </remarks>
public sealed class ReceiptVerifier
{
    /// <summary>The number of verified checkpoints that are remembered unless another is given.</summary>
    public const int RememberedCheckpointsDefault = 1024;

    [ThreadStatic]
    private static InclusionProofGroup? t_proofs;

    private readonly VerifierKey[] _trustedKeys;
    private readonly VerifiedCheckpointCache _verified;

    /// <summary>Creates a verifier.</summary>
    /// <param name="trustedKeys">The keys to trust. A ledger may have several: a new key beside the old one, or two algorithms.</param>
    /// <param name="rememberedCheckpointsMax">The most verified checkpoints to remember; some 1 KiB each, at most 5 KiB.</param>
    public ReceiptVerifier(IEnumerable<VerifierKey> trustedKeys, int rememberedCheckpointsMax = RememberedCheckpointsDefault)
    {
        ArgumentNullException.ThrowIfNull(trustedKeys);
        _trustedKeys = [.. trustedKeys.Distinct()];
        _verified = new VerifiedCheckpointCache(rememberedCheckpointsMax);
    }

    /// <summary>The keys that are trusted.</summary>
    public IReadOnlyList<VerifierKey> TrustedKeys => _trustedKeys;

    /// <summary>Checks a receipt, and that it is for a document when something about one is given.</summary>
    /// <param name="receipt">The receipt.</param>
    /// <param name="documentDigest">The document's SHA-256, computed by the caller; null: not compared.</param>
    /// <param name="documentSizeBytes">The document's size; null: not compared.</param>
    /// <param name="explainPassed">Whether checks that pass get a detail too; text costs about as much as the checks.</param>
    public VerificationReport Verify(
        Receipt receipt, MerkleHash? documentDigest = null, long? documentSizeBytes = null, bool explainPassed = true)
    {
        SubmittedReceipt submitted = SubmittedReceipt.Of(receipt, documentDigest, documentSizeBytes);
        ExaminedCheckpoint head = Examine(receipt.Checkpoint);
        MerkleHash leafHash = TreeHasher.HashLeaf(receipt.Entry.Span);
        MerkleHash? root = null;
        if (head.Checkpoint is { } checkpoint
            && InclusionProof.TryGetRootHash(leafHash, receipt.Index, checkpoint.TreeSize, receipt.InclusionProof.Span, out MerkleHash found))
        {
            root = found;
        }

        return Report(submitted, head, leafHash, root, explainPassed);
    }

    /// <summary>Checks up to sixteen receipts side by side; the reports are those of <see cref="Verify"/> without details of what passed.</summary>
    /// <param name="receipts">The receipts, and what is known of their documents.</param>
    /// <param name="reports">One for each.</param>
    /// <exception cref="ArgumentException">There are more than sixteen receipts, or fewer reports than receipts.</exception>
    public void VerifyGroup(ReadOnlySpan<SubmittedReceipt> receipts, Span<VerificationReport> reports)
    {
        InclusionProofGroup proofs = t_proofs ??= new InclusionProofGroup();
        proofs.Clear(); // whatever ended the last use
        if (receipts.Length > InclusionProofGroup.ProofsMax || reports.Length < receipts.Length)
        {
            throw new ArgumentException($"A group has at most {InclusionProofGroup.ProofsMax} receipts, and a report for each.", nameof(receipts));
        }

        Sixteen<ExaminedCheckpoint> heads = default;
        Sixteen<ReadOnlyMemory<byte>> entries = default;
        Span<MerkleHash> leafHashes = stackalloc MerkleHash[InclusionProofGroup.ProofsMax];
        Span<MerkleHash?> roots = stackalloc MerkleHash?[InclusionProofGroup.ProofsMax];
        for (int i = 0; i < receipts.Length; i++)
        {
            // Receipts that come together often are of one batch.
            bool isAsBefore = i > 0 && receipts[i].Checkpoint.Span.SequenceEqual(receipts[i - 1].Checkpoint.Span);
            heads[i] = isAsBefore ? heads[i - 1] : Examine(receipts[i].Checkpoint);
            entries[i] = receipts[i].Entry;
        }

        TreeHasher.HashLeaves(entries[..receipts.Length], leafHashes);
        for (int i = 0; i < receipts.Length; i++)
        {
            proofs.Add(leafHashes[i], receipts[i].Index, heads[i].Checkpoint?.TreeSize ?? 0, receipts[i].InclusionProof);
        }

        proofs.Finish(roots);
        for (int i = 0; i < receipts.Length; i++)
        {
            reports[i] = Report(receipts[i], heads[i], leafHashes[i], roots[i], explainPassed: false);
        }
    }

    private static VerificationReport Report(
        in SubmittedReceipt receipt, ExaminedCheckpoint head, in MerkleHash leafHash, in MerkleHash? root, bool explainPassed)
    {
        bool hasEntry = LogEntryCodec.TryRead(receipt.Entry.Span, out LogEntry entry, out string? entryError);
        return VerificationReport.Of(
        [
            hasEntry ? Passed(CheckKind.Entry, explainPassed ? Describe(entry) : null) : Failed(CheckKind.Entry, entryError!),
            hasEntry ? CheckDigest(entry, receipt.DocumentDigest, explainPassed) : Skipped(CheckKind.Digest, "the entry can't be read"),
            hasEntry ? CheckSize(entry, receipt.DocumentSizeBytes, explainPassed) : Skipped(CheckKind.Size, "the entry can't be read"),
            Shorten(head.CheckpointCheck, explainPassed),
            Shorten(head.OriginCheck, explainPassed),
            Shorten(head.SignatureCheck, explainPassed),
            CheckInclusion(receipt, head.Checkpoint, leafHash, root, explainPassed),
        ]);
    }

    /// <summary>
    /// Verifies a signed checkpoint: false, and why, unless a trusted key of its origin signed it.
    /// </summary>
    public bool TryVerify(
        ReadOnlyMemory<byte> checkpointNote, [NotNullWhen(true)] out Checkpoint? checkpoint, [NotNullWhen(false)] out string? error)
    {
        ExaminedCheckpoint head = Examine(checkpointNote);
        checkpoint = head.IsVerified ? head.Checkpoint : null;
        error = head.IsVerified ? null : head.FirstFailure.Detail;
        return head.IsVerified;
    }

    /// <summary>
    /// Verifies all receipts of a compact answer at once: false, and why, unless a trusted key signed the checkpoint and the leaf
    /// hashes are in its tree. That each leaf is what was sent is checked where it is expanded.
    /// </summary>
    public bool TryVerify(CompactReceipts receipts, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(receipts);
        return TryVerify(receipts.Checkpoint, out Checkpoint? head, out error) && receipts.TryVerify(head, out error);
    }

    private ExaminedCheckpoint Examine(ReadOnlyMemory<byte> note)
    {
        if (_verified.TryGet(note.Span, out ExaminedCheckpoint? known))
        {
            return known;
        }

        var examined = ExaminedCheckpoint.Examine(note, _trustedKeys);
        if (examined.IsVerified)
        {
            _verified.Add(note.Span, examined);
        }

        return examined;
    }

    private static VerificationCheck CheckDigest(in LogEntry entry, in MerkleHash? digest, bool explainPassed)
    {
        if (digest is not { } given)
        {
            return VerificationCheck.NotGiven(CheckKind.Digest);
        }

        MerkleHash sealedDigest = MerkleHash.Read(entry.Digest);
        return sealedDigest == given
            ? Passed(CheckKind.Digest, explainPassed ? $"SHA-256 {given}" : null)
            : Failed(CheckKind.Digest, $"the document's SHA-256 is {given}, the receipt is for {sealedDigest}");
    }

    private static VerificationCheck CheckSize(in LogEntry entry, long? sizeBytes, bool explainPassed)
    {
        if (sizeBytes is not { } given)
        {
            return VerificationCheck.NotGiven(CheckKind.Size);
        }

        if (entry.Kind == EntryKind.Digest && entry.DocumentSizeBytes == 0)
        {
            return Skipped(CheckKind.Size, "the caller sealed a digest and stated no size");
        }

        return entry.DocumentSizeBytes == given
            ? Passed(CheckKind.Size, explainPassed ? $"{given} bytes" : null)
            : Failed(CheckKind.Size, $"the document has {given} bytes, the receipt is for one of {entry.DocumentSizeBytes} bytes");
    }

    private static VerificationCheck CheckInclusion(
        in SubmittedReceipt receipt, Checkpoint? head, in MerkleHash leafHash, in MerkleHash? root, bool explainPassed)
    {
        if (head is null)
        {
            return Skipped(CheckKind.Inclusion, "the checkpoint can't be read");
        }

        if (receipt.Index < 0 || receipt.Index >= head.TreeSize)
        {
            return Failed(CheckKind.Inclusion, $"there is no entry {receipt.Index} in a tree of {head.TreeSize} leaves");
        }

        int hashCount = InclusionProof.GetHashCount(receipt.Index, head.TreeSize);
        if (receipt.InclusionProof.Length != hashCount)
        {
            return Failed(
                CheckKind.Inclusion,
                $"the proof of entry {receipt.Index} in a tree of {head.TreeSize} leaves has {hashCount} hashes, "
                + $"not {receipt.InclusionProof.Length}");
        }

        return root == head.RootHash
            ? Passed(CheckKind.Inclusion, explainPassed ? $"entry {receipt.Index} of {head.TreeSize}, leaf hash {leafHash}" : null)
            : Failed(
                CheckKind.Inclusion,
                $"the proof does not lead from leaf hash {leafHash} at index {receipt.Index} to the root hash {head.RootHash}: "
                + "the entry, its index or the proof was changed");
    }

    private static string Describe(in LogEntry entry)
    {
        string sealedAt = DateTimeOffset.FromUnixTimeMilliseconds(entry.SealedAtUnixMs)
            .ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return entry.Kind == EntryKind.Document ? $"a document, sealed at {sealedAt}" : $"a digest, sealed at {sealedAt}";
    }

    private static VerificationCheck Shorten(VerificationCheck check, bool explainPassed) =>
        explainPassed || check.Outcome != CheckOutcome.Passed ? check : VerificationCheck.Passed(check.Kind);

    private static VerificationCheck Passed(CheckKind kind, string? detail) =>
        detail is null ? VerificationCheck.Passed(kind) : new VerificationCheck(kind, CheckOutcome.Passed, detail);

    private static VerificationCheck Failed(CheckKind kind, string detail) => new(kind, CheckOutcome.Failed, detail);

    private static VerificationCheck Skipped(CheckKind kind, string detail) => new(kind, CheckOutcome.Skipped, detail);

    [InlineArray(InclusionProofGroup.ProofsMax)]
    private struct Sixteen<T>
    {
        private T _first;
    }
}
