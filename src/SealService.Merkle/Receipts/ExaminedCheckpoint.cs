namespace SealService.Merkle;

/// <summary>What three of the checks of a receipt say about its checkpoint: they are the same for all receipts that have it.</summary>
internal sealed class ExaminedCheckpoint
{
    private ExaminedCheckpoint(
        Checkpoint? checkpoint, VerificationCheck checkpointCheck, VerificationCheck originCheck, VerificationCheck signatureCheck)
    {
        Checkpoint = checkpoint;
        CheckpointCheck = checkpointCheck;
        OriginCheck = originCheck;
        SignatureCheck = signatureCheck;
    }

    /// <summary>The checkpoint, or null when it can't be read.</summary>
    public Checkpoint? Checkpoint { get; }

    public VerificationCheck CheckpointCheck { get; }

    public VerificationCheck OriginCheck { get; }

    public VerificationCheck SignatureCheck { get; }

    public bool IsVerified => SignatureCheck.Outcome == CheckOutcome.Passed;

    /// <summary>The first check that did not pass, of one that is not verified.</summary>
    public VerificationCheck FirstFailure =>
        CheckpointCheck.Outcome != CheckOutcome.Passed ? CheckpointCheck
        : OriginCheck.Outcome != CheckOutcome.Passed ? OriginCheck
        : SignatureCheck;

    public static ExaminedCheckpoint Examine(ReadOnlyMemory<byte> note, IReadOnlyCollection<VerifierKey> trustedKeys)
    {
        if (!Merkle.Checkpoint.TryParseNote(note, out SignedNote? signedNote, out Checkpoint? checkpoint, out string? error))
        {
            return new ExaminedCheckpoint(
                null,
                new VerificationCheck(CheckKind.Checkpoint, CheckOutcome.Failed, error),
                new VerificationCheck(CheckKind.Origin, CheckOutcome.Skipped, "the checkpoint can't be read"),
                new VerificationCheck(CheckKind.Signature, CheckOutcome.Skipped, "the checkpoint can't be read"));
        }

        var checkpointCheck = new VerificationCheck(
            CheckKind.Checkpoint, CheckOutcome.Passed, $"{checkpoint.TreeSize} entries, root hash {checkpoint.RootHash}");

        if (!trustedKeys.Any(key => IsOfOrigin(key, checkpoint)))
        {
            string signers = string.Join(", ", signedNote.Signatures.Select(signature => $"{signature.Name}+{signature.KeyId:x8}"));
            string detail = $"the key is not trusted; the checkpoint names {signers}";
            return new ExaminedCheckpoint(
                checkpoint,
                checkpointCheck,
                new VerificationCheck(CheckKind.Origin, CheckOutcome.Failed, $"no key is trusted for the origin {checkpoint.Origin}"),
                new VerificationCheck(CheckKind.Signature, CheckOutcome.Skipped, detail));
        }

        return new ExaminedCheckpoint(
            checkpoint,
            checkpointCheck,
            new VerificationCheck(CheckKind.Origin, CheckOutcome.Passed, checkpoint.Origin),
            CheckSignature(signedNote, checkpoint, trustedKeys));
    }

    // All trusted keys, not only the origin's: a line of any of them that does not verify refuses the note (C2SP signed-note).
    private static VerificationCheck CheckSignature(SignedNote note, Checkpoint checkpoint, IReadOnlyCollection<VerifierKey> trustedKeys)
    {
        if (!note.TryVerify(trustedKeys, out IReadOnlyList<VerifierKey> verifiedBy, out string? error))
        {
            return new VerificationCheck(CheckKind.Signature, CheckOutcome.Failed, error);
        }

        if (!verifiedBy.Any(key => IsOfOrigin(key, checkpoint)))
        {
            string detail = $"no key of the origin {checkpoint.Origin} signed the checkpoint";
            return new VerificationCheck(CheckKind.Signature, CheckOutcome.Failed, detail);
        }

        string verifiers = string.Join(", ", verifiedBy.Select(key => $"{key.Name}+{key.KeyId:x8}, {key.SignatureType}"));
        return new VerificationCheck(CheckKind.Signature, CheckOutcome.Passed, $"by {verifiers}");
    }

    private static bool IsOfOrigin(VerifierKey key, Checkpoint checkpoint) =>
        string.Equals(key.Name, checkpoint.Origin, StringComparison.Ordinal);
}
