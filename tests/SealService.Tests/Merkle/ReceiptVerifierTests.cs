using System.Text;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class ReceiptVerifierTests
{
    private static readonly SealedSample Sample = new(21);
    private static readonly Receipt Good = Sample.Receipt(7);
    private static readonly MerkleHash Digest = Sha256.HashData(SealedSample.Content(7));
    private static readonly long Size = SealedSample.Content(7).Length;

    [Fact]
    public void Verify_GoodReceiptAndDocument_PassesEveryCheckInOrder()
    {
        VerificationReport report = Sample.Verifier.Verify(Good, Digest, Size);
        Assert.True(report.IsValid);
        Assert.Null(report.FirstFailure);
        Assert.Equal(Enum.GetValues<CheckKind>()[1..], report.Checks.Select(check => check.Kind));
        Assert.All(report.Checks, check => Assert.Equal(CheckOutcome.Passed, check.Outcome));
        Assert.All(report.Checks, check => Assert.NotEmpty(check.Detail));
        Assert.Contains("sealed at 2026-", report[CheckKind.Entry].Detail, StringComparison.Ordinal);

        VerificationReport terse = Sample.Verifier.Verify(Good, Digest, Size, explainPassed: false);
        Assert.True(terse.IsValid);
        Assert.All(terse.Checks, check => Assert.Empty(check.Detail));
    }

    [Fact]
    public void Verify_WithoutDocument_SkipsWhatItIsComparedWith()
    {
        VerificationReport report = Sample.Verifier.Verify(Good);
        Assert.True(report.IsValid);
        AssertOutcomes(report, skipped: [CheckKind.Digest, CheckKind.Size]);
    }

    [Fact]
    public void Verify_OneThingChanged_TheRightCheckFails()
    {
        AssertFails(Good, CheckKind.Digest, digest: default(MerkleHash));
        AssertFails(Good, CheckKind.Size, size: Size + 1);
        AssertFails(Change(index: 8), CheckKind.Inclusion);
        AssertFails(Change(index: -1), CheckKind.Inclusion);
        AssertFails(Change(index: 21), CheckKind.Inclusion);
        AssertFails(Change(proof: Good.InclusionProof[1..]), CheckKind.Inclusion);
        AssertFails(Change(proof: new MerkleHash[Good.InclusionProof.Length]), CheckKind.Inclusion);
        AssertFails(Change(proof: new MerkleHash[100]), CheckKind.Inclusion);

        // An entry that reads as well as the sealed one, but is another: only the tree knows.
        byte[] entry = Good.Entry.ToArray();
        Assert.True(LogEntryCodec.TryRead(entry, out LogEntry read, out _));
        entry[entry.AsSpan().IndexOf(read.Salt)] ^= 1;
        AssertFails(Change(entry: entry), CheckKind.Inclusion);
    }

    [Fact]
    public void Verify_EntryThatCantBeRead_SkipsWhatNeedsIt()
    {
        VerificationReport report = Sample.Verifier.Verify(Change(entry: "no entry"u8.ToArray()), Digest, Size);
        AssertOutcomes(report, failed: [CheckKind.Entry, CheckKind.Inclusion], skipped: [CheckKind.Digest, CheckKind.Size]);
    }

    [Fact]
    public void Verify_CheckpointThatCantBeRead_SkipsWhatNeedsIt()
    {
        VerificationReport report = Sample.Verifier.Verify(Change(checkpoint: "no note"u8.ToArray()), Digest, Size);
        AssertOutcomes(
            report, failed: [CheckKind.Checkpoint], skipped: [CheckKind.Origin, CheckKind.Signature, CheckKind.Inclusion]);
        Assert.Equal(CheckKind.Checkpoint, report.FirstFailure?.Kind);
    }

    [Fact]
    public void Verify_RootHashOrTreeSizeChanged_SignatureFailsAndTheProofDoesNotLeadThere()
    {
        var root = new Checkpoint(Sample.Signer.Key.Name, 21, default);
        AssertOutcomes(
            Sample.Verifier.Verify(Change(checkpoint: Resign(root)), Digest, Size), failed: [CheckKind.Signature, CheckKind.Inclusion]);

        Assert.True(Checkpoint.TryOpen(Good.Checkpoint, [Sample.Signer.Key], out Checkpoint? head, out _));
        AssertOutcomes(
            Sample.Verifier.Verify(Change(checkpoint: Resign(head with { TreeSize = 40 })), Digest, Size),
            failed: [CheckKind.Signature, CheckKind.Inclusion]);
    }

    [Fact]
    public void Verify_OriginChanged_IsNotTrusted()
    {
        Assert.True(Checkpoint.TryOpen(Good.Checkpoint, [Sample.Signer.Key], out Checkpoint? head, out _));
        Receipt changed = Change(checkpoint: Resign(head with { Origin = "other.example" }));
        VerificationReport report = Sample.Verifier.Verify(changed, Digest, Size);
        AssertOutcomes(report, failed: [CheckKind.Origin], skipped: [CheckKind.Signature]);
        Assert.Contains("other.example", report[CheckKind.Origin].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_AnotherKeyOfTheSameName_SignatureFails()
    {
        var verifier = new ReceiptVerifier([TestSigner.Ed25519(Sample.Signer.Key.Name, new byte[32]).Key]);
        VerificationReport report = verifier.Verify(Good, Digest, Size);
        AssertOutcomes(report, failed: [CheckKind.Signature]);
        Assert.Contains($"{Sample.Signer.Key.KeyId:x8}", report[CheckKind.Signature].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_WithoutKeys_ChecksTheRestAndNamesTheKeyToTrust()
    {
        VerificationReport report = new ReceiptVerifier([]).Verify(Good, Digest, Size);
        Assert.False(report.IsValid);
        AssertOutcomes(report, failed: [CheckKind.Origin], skipped: [CheckKind.Signature]);
        Assert.Contains($"the checkpoint names {Sample.Signer.Key.Name}+", report[CheckKind.Signature].Detail, StringComparison.Ordinal);
        Assert.Equal(CheckKind.Origin, report.FirstFailure?.Kind);
    }

    [Fact]
    public void Verify_SecondKeyOfTheOrigin_AnyOfThemIsEnough()
    {
        TestSigner retired = TestSigner.EcdsaP256(Sample.Signer.Key.Name);
        var verifier = new ReceiptVerifier([retired.Key, Sample.Signer.Key]);
        Assert.True(verifier.Verify(Good, Digest, Size).IsValid);

        var old = new SealedSample(5, signer: retired);
        Assert.True(verifier.Verify(old.Receipt(3)).IsValid);
        Assert.False(Sample.Verifier.Verify(old.Receipt(3)).IsValid);
    }

    [Fact]
    public void Verify_TrustedWitnessBesideTheOrigin_NeitherReplacesItNorMayBeForged()
    {
        TestSigner witness = TestSigner.EcdsaP256("witness.example");
        var verifier = new ReceiptVerifier([Sample.Signer.Key, witness.Key]);
        Assert.True(SignedNote.TryParse(Good.Checkpoint, out SignedNote? note, out _));
        byte[] text = note.Text.ToArray();
        NoteSignature origin = note.Signatures[0];
        NoteSignature cosignature = witness.Key.CreateSignature(witness.Sign(text));
        NoteSignature forged = witness.Key.CreateSignature(witness.Sign("other\n"u8.ToArray()));

        Assert.True(verifier.Verify(Change(checkpoint: SignedNote.Format(text, origin, cosignature)), Digest, Size).IsValid);
        AssertOutcomes(
            verifier.Verify(Change(checkpoint: SignedNote.Format(text, cosignature)), Digest, Size), failed: [CheckKind.Signature]);
        AssertOutcomes(
            verifier.Verify(Change(checkpoint: SignedNote.Format(text, origin, forged)), Digest, Size), failed: [CheckKind.Signature]);
    }

    [Fact]
    public void Verify_DigestEntryWithoutSize_SkipsTheSize()
    {
        VerificationReport report = Sample.Verifier.Verify(Sample.Receipt(10), Sha256.HashData(SealedSample.Content(10)), 11);
        Assert.True(report.IsValid);
        AssertOutcomes(report, skipped: [CheckKind.Size]);
        Assert.Contains("no size", report[CheckKind.Size].Detail, StringComparison.Ordinal);

        report = Sample.Verifier.Verify(Sample.Receipt(5), Sha256.HashData(SealedSample.Content(5)), 11);
        AssertOutcomes(report, failed: [CheckKind.Size]);
    }

    [Fact]
    public void Verify_EveryByteOfTheTextChanged_IsNeverValidAndNeverThrows()
    {
        Random random = SeededRandom.Create();
        ReceiptVerifier verifier = Sample.Verifier;
        byte[] text = Good.Format();
        Assert.True(Receipt.TryParse(text, out Receipt? receipt, out _) && verifier.Verify(receipt, Digest, Size).IsValid);
        for (int i = 0; i < text.Length; i++)
        {
            foreach (byte mask in new[] { 0x01, 0x20, 0x80, random.Next(1, 256) }.Select(mask => (byte)mask))
            {
                byte[] changed = [.. text];
                changed[i] ^= mask;
                AssertNotValid(changed, $"byte {i} ^ {mask:x2}");
            }

            AssertNotValid(text[..i], $"{i} bytes");
            AssertNotValid([.. text[..i], .. text[(i + 1)..]], $"without byte {i}");
        }

        AssertNotValid([.. text, (byte)'\n'], "a byte more");

        void AssertNotValid(byte[] changed, string what)
        {
            bool isValid = Receipt.TryParse(changed, out Receipt? other, out _) && verifier.Verify(other, Digest, Size).IsValid;
            Assert.False(isValid, what);
        }
    }

    [Fact]
    public void Verify_RandomReceipts_NeverThrows()
    {
        Random random = SeededRandom.Create();
        ReceiptVerifier verifier = Sample.Verifier;
        for (int run = 0; run < 5_000; run++)
        {
            var receipt = new Receipt(
                random.Next(2) == 0 ? Good.Entry : random.NextBytes(random.Next(200)),
                random.Next(2) == 0 ? Good.Index : random.NextInt64(long.MinValue, long.MaxValue),
                MerkleHash.Cast(random.NextBytes(random.Next(70) * MerkleHash.Size)).ToArray(),
                random.Next(2) == 0 ? Resign(new Checkpoint("o", random.NextInt64(), default)) : random.NextBytes(random.Next(200)));
            Assert.False(verifier.Verify(receipt, Digest, Size).IsValid);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Verify_MoreCheckpointsThanAreRemembered_StaysRight(int remembered)
    {
        SealedSample[] samples = [.. Enumerable.Range(1, 8).Select(size => new SealedSample(size))];
        var verifier = new ReceiptVerifier([Sample.Signer.Key], remembered);
        bool[] valid = await Task.WhenAll(Enumerable.Range(0, 64).Select(
            i => Task.Run(() => verifier.Verify(samples[i % 8].Receipt(0)).IsValid)));
        Assert.All(valid, Assert.True);

        // What was remembered of one note says nothing about another.
        byte[] forged = [.. samples[7].Note];
        forged[^5] ^= 1;
        Assert.False(verifier.TryVerify(forged, out Checkpoint? head, out string? error));
        Assert.Null(head);
        Assert.NotEmpty(error);
        Assert.True(verifier.TryVerify(samples[7].Note, out head, out _));
        Assert.Equal(8, head.TreeSize);
    }

    [Fact]
    public void TryVerify_NoteOverwrittenWithAnother_SaysNothingOfThatOne()
    {
        byte[] note = [.. Good.Checkpoint.Span];
        ReceiptVerifier verifier = Sample.Verifier;
        Assert.True(verifier.TryVerify(note, out _, out _));
        Resign(new Checkpoint(Sample.Signer.Key.Name, 21, default)).CopyTo(note, 0); // as a transport does with its buffers
        Assert.False(verifier.TryVerify(note, out _, out _));
        Assert.True(verifier.TryVerify(Good.Checkpoint, out Checkpoint? head, out _));
        Assert.Equal(21, head.TreeSize);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(VerifiedCheckpointCache.NoteBytesMax)]
    public void Verify_LinesOfUnknownKeysAdded_IsAnotherNote(int bytesMin)
    {
        Assert.True(SignedNote.TryParse(Good.Checkpoint, out SignedNote? note, out _));
        List<NoteSignature> signatures = [note.Signatures[0]];
        byte[] longer;
        do
        {
            TestSigner unknown = TestSigner.Ed25519($"unknown-{signatures.Count}");
            signatures.Add(unknown.Key.CreateSignature(new byte[64]));
            longer = SignedNote.Format(note.Text.ToArray(), [.. signatures]);
        }
        while (longer.Length <= bytesMin);

        ReceiptVerifier verifier = Sample.Verifier;
        for (int run = 0; run < 2; run++)
        {
            Assert.True(verifier.TryVerify(longer, out _, out _));
            byte[] forged = [.. longer];
            forged[note.Text.Length - 2] ^= 1; // in the root hash
            Assert.False(verifier.TryVerify(forged, out _, out _));
        }
    }

    // A well-formed note whose signature is of another text.
    private static byte[] Resign(Checkpoint checkpoint) =>
        SignedNote.Format(checkpoint.Format(), Sample.Signer.Key.CreateSignature(Sample.Signer.Sign(Encoding.UTF8.GetBytes("other\n"))));

    private static Receipt Change(
        ReadOnlyMemory<byte>? entry = null,
        long? index = null,
        ReadOnlyMemory<MerkleHash>? proof = null,
        ReadOnlyMemory<byte>? checkpoint = null) =>
        new(entry ?? Good.Entry, index ?? Good.Index, proof ?? Good.InclusionProof, checkpoint ?? Good.Checkpoint);

    private static void AssertFails(Receipt receipt, CheckKind kind, MerkleHash? digest = null, long? size = null)
    {
        VerificationReport report = Sample.Verifier.Verify(receipt, digest ?? Digest, size ?? Size);
        AssertOutcomes(report, failed: [kind]);
        Assert.Equal(report[kind], report.FirstFailure);
        Assert.NotEmpty(report[kind].Detail);
    }

    private static void AssertOutcomes(VerificationReport report, CheckKind[]? failed = null, CheckKind[]? skipped = null)
    {
        Assert.Equal(failed ?? [], report.Checks.Where(check => check.Outcome == CheckOutcome.Failed).Select(check => check.Kind));
        Assert.Equal(skipped ?? [], report.Checks.Where(check => check.Outcome == CheckOutcome.Skipped).Select(check => check.Kind));
        Assert.Equal(failed is null && (skipped ?? []).All(kind => kind is CheckKind.Digest or CheckKind.Size), report.IsValid);
    }
}
