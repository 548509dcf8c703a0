using System.Text;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class SignedNoteTests
{
    private const string PeterNeumannVkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    private const string PeterNeumannText =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";

    private const string PeterNeumannLine =
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    internal static readonly byte[] PeterNeumannSeed =
        Convert.FromBase64String("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1..];

    [Fact]
    public void KnownAnswer_SignedNote_IsWrittenReadAndVerified()
    {
        TestSigner signer = TestSigner.Ed25519("PeterNeumann", PeterNeumannSeed);
        byte[] note = signer.SignNote(Encoding.UTF8.GetBytes(PeterNeumannText));
        Assert.Equal(PeterNeumannText + "\n" + PeterNeumannLine, Encoding.UTF8.GetString(note));
        Assert.Equal(PeterNeumannVkey, signer.Key.ToString());

        SignedNote parsed = Parse(note);
        Assert.Equal(PeterNeumannText, Encoding.UTF8.GetString(parsed.Text.Span));
        Assert.Equal(0xc74f20a3, Assert.Single(parsed.Signatures).KeyId);
        Assert.True(VerifierKey.TryParse(PeterNeumannVkey, out VerifierKey? key, out _));
        Assert.Equal(signer.Key, key);
        Assert.True(parsed.TryVerify([key], out IReadOnlyList<VerifierKey> verifiedBy, out _));
        Assert.Equal([key], verifiedBy);
    }

    [Fact]
    public void TryVerify_UnknownSignatures_AreIgnored()
    {
        TestSigner known = TestSigner.Ed25519("known.example");
        TestSigner sameName = TestSigner.Ed25519("known.example", new byte[32]);
        TestSigner other = TestSigner.EcdsaP256("other.example");
        byte[] text = Encoding.UTF8.GetBytes("text\n");
        byte[] note = SignedNote.Format(
            text,
            other.Key.CreateSignature(new byte[70]),
            sameName.Key.CreateSignature(new byte[64]),
            known.Key.CreateSignature(known.Sign(text)));

        Assert.True(Parse(note).TryVerify([known.Key], out IReadOnlyList<VerifierKey> verifiedBy, out _));
        Assert.Equal([known.Key], verifiedBy);
        Assert.False(Parse(note).TryVerify([TestSigner.Ed25519("no.example").Key], out _, out string? error));
        Assert.Contains("known.example", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryVerify_KnownSignatureThatFails_RejectsTheNote()
    {
        TestSigner good = TestSigner.Ed25519("good.example");
        TestSigner bad = TestSigner.EcdsaP256("bad.example");
        byte[] text = Encoding.UTF8.GetBytes("text\n");
        byte[] note = SignedNote.Format(text, good.Key.CreateSignature(good.Sign(text)), bad.Key.CreateSignature(new byte[70]));

        Assert.True(Parse(note).TryVerify([good.Key], out _, out _));
        Assert.False(Parse(note).TryVerify([good.Key, bad.Key], out IReadOnlyList<VerifierKey> verifiedBy, out string? error));
        Assert.Empty(verifiedBy);
        Assert.Contains("bad.example", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_ManySignatures_UpToTheLimit()
    {
        NoteSignature[] signatures = [.. Enumerable.Range(0, SignedNote.SignaturesMax + 1)
            .Select(i => new NoteSignature($"witness{i}.example", (uint)i, new byte[5_000]))];
        byte[] atLimit = SignedNote.Format("text\n"u8, signatures.AsSpan(1));
        Assert.Equal(SignedNote.SignaturesMax, Parse(atLimit).Signatures.Count);
        Assert.False(SignedNote.TryParse(SignedNote.Format("text\n"u8, signatures), out _, out string? error));
        Assert.Contains("more than 100", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_TextWithEmptyLines_EndsAtTheLastOne()
    {
        SignedNote note = Parse(Encoding.UTF8.GetBytes("a\n\nb\n\n— name AAAAAAA=\n"));
        Assert.Equal("a\n\nb\n", Encoding.UTF8.GetString(note.Text.Span));
        Assert.Equal(1, note.Signatures[0].Signature.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("text\n")]
    [InlineData("text\n\n")] // no signature
    [InlineData("text\n— name AAAAAAA=\n")] // no blank line
    [InlineData("text\n\n— name AAAAAAA=")] // no LF
    [InlineData("text\n\n— name AAAAAAA=\n\n")] // a blank line after
    [InlineData("text\n\n- name AAAAAAA=\n")] // not an em dash
    [InlineData("text\n\n—name AAAAAAA=\n")]
    [InlineData("text\n\n—  AAAAAAA=\n")] // no name
    [InlineData("text\n\n— na+me AAAAAAA=\n")]
    [InlineData("text\n\n— na\u00a0me AAAAAAA=\n")] // a Unicode space
    [InlineData("text\n\n— name AAAAAA==\n")] // a key id and nothing else
    [InlineData("text\n\n— name AAAAAAB=\n")] // unused bits set
    [InlineData("text\n\n— name AAAAAAA\n")] // no padding
    [InlineData("text\n\n— name AAAA AAA=\n")]
    [InlineData("text\n\n— name  AAAAAAA=\n")]
    [InlineData("text\n\n— name AAAAAAA= \n")]
    [InlineData("te\txt\n\n— name AAAAAAA=\n")] // a control character
    [InlineData("te\rxt\n\n— name AAAAAAA=\n")]
    [InlineData("te\0xt\n\n— name AAAAAAA=\n")]
    public void TryParse_MalformedNote_IsFalse(string note)
    {
        Assert.False(SignedNote.TryParse(Encoding.UTF8.GetBytes(note), out SignedNote? parsed, out string? error));
        Assert.Null(parsed);
        Assert.NotEmpty(error);
    }

    [Fact]
    public void TryParse_NotUtf8OrTooLarge_IsFalse()
    {
        Assert.False(SignedNote.TryParse(new byte[] { 0xff, (byte)'\n', (byte)'\n' }, out _, out string? error));
        Assert.Contains("UTF-8", error, StringComparison.Ordinal);
        Assert.False(SignedNote.TryParse(new byte[SignedNote.NoteBytesMax + 1], out _, out error));
        Assert.Contains("more than", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Format_TextThatIsNone_Throws()
    {
        var signature = new NoteSignature("name", 1, new byte[1]);
        Assert.Throws<ArgumentException>(() => SignedNote.Format("no end"u8, signature));
        Assert.Throws<ArgumentException>(() => SignedNote.Format("tab\t\n"u8, signature));
        Assert.Throws<ArgumentException>(() => SignedNote.Format("text\n"u8));
    }

    [Fact]
    public void Parsers_RandomChangesOfValidText_NeverThrowAndKeepWhatTheyRead()
    {
        Random random = SeededRandom.Create();
        TestSigner signer = TestSigner.Ed25519("seal.example/fuzz");
        byte[] valid = signer.SignCheckpoint(1_234_567, TreeHasher.EmptyRoot);
        for (int run = 0; run < 20_000; run++)
        {
            byte[] note = [.. valid];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                note[random.Next(note.Length)] = (byte)random.Next(256);
            }

            note = note[..random.Next(note.Length / 2, note.Length + 1)];
            if (SignedNote.TryParse(note, out SignedNote? parsed, out _))
            {
                Assert.Equal(note, SignedNote.Format(parsed.Text.Span, [.. parsed.Signatures]));
                if (Checkpoint.TryParse(parsed.Text.Span, out Checkpoint? checkpoint, out _))
                {
                    Assert.True(parsed.Text.Span.StartsWith(checkpoint.Format()));
                }
            }
        }
    }

    internal static SignedNote Parse(byte[] note)
    {
        Assert.True(SignedNote.TryParse(note, out SignedNote? parsed, out string? error), error);
        return parsed;
    }
}
