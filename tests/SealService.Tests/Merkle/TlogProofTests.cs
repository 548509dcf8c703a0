using System.Text;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class TlogProofTests
{
    private const string Header = "c2sp.org/tlog-proof@v1\n";
    private const string Hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

    [Fact]
    public void Format_WritesTheSpecifiedLines()
    {
        byte[] text = new TlogProof("extra"u8.ToArray(), 73_894, new MerkleHash[2], "checkpoint, verbatim"u8.ToArray()).Format();
        Assert.Equal($"{Header}extra ZXh0cmE=\nindex 73894\n{Hash}{Hash}\ncheckpoint, verbatim", Encoding.UTF8.GetString(text));

        text = new TlogProof(null, 0, default, default).Format();
        Assert.Equal($"{Header}index 0\n\n", Encoding.UTF8.GetString(text));
    }

    [Fact]
    public void TryParse_WhatWasWritten_GivesTheSameProof()
    {
        Random random = SeededRandom.Create();
        for (int run = 0; run < 200; run++)
        {
            byte[]? extra = random.Next(3) == 0 ? null : random.NextBytes(random.Next(300));
            MerkleHash[] hashes = [.. MerkleHash.Cast(random.NextBytes(random.Next(InclusionProof.HashCountMax + 1) * MerkleHash.Size))];
            byte[] checkpoint = random.NextBytes(random.Next(300));
            var proof = new TlogProof(extra is null ? default(ReadOnlyMemory<byte>?) : extra, random.NextInt64(), hashes, checkpoint);

            Assert.True(TlogProof.TryParse(proof.Format(), out TlogProof? parsed, out string? error), error);
            Assert.Equal(extra, parsed.Extra?.ToArray());
            Assert.Equal(proof.Index, parsed.Index);
            Assert.Equal(hashes, parsed.Hashes.ToArray());
            Assert.Equal(checkpoint, parsed.Checkpoint.ToArray());
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("c2sp.org/tlog-proof@v1")]
    [InlineData("c2sp.org/tlog-proof@v2\nindex 0\n\n")]
    [InlineData(" " + Header + "index 0\n\n")]
    [InlineData(Header)]
    [InlineData(Header + "\n")]
    [InlineData(Header + "index 0\n")]
    [InlineData(Header + "index 0")]
    [InlineData(Header + "index \n\n")]
    [InlineData(Header + "index 00\n\n")]
    [InlineData(Header + "index -1\n\n")]
    [InlineData(Header + "index 1 \n\n")]
    [InlineData(Header + "index 9223372036854775808\n\n")]
    [InlineData(Header + "index 0\r\n\n")]
    [InlineData(Header + "extra AAA=\n")]
    [InlineData(Header + "extra AAB=\nindex 0\n\n")]
    [InlineData(Header + "extra AA A=\nindex 0\n\n")]
    [InlineData(Header + "extra AAA=\nextra AAA=\nindex 0\n\n")]
    [InlineData(Header + "index 0\nextra AAA=\n\n")]
    [InlineData(Header + "index 0\nAAAA\n\n")]
    [InlineData(Header + "index 0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\n")]
    [InlineData(Header + "index 0\n" + Hash)]
    public void TryParse_Malformed_IsFalse(string text)
    {
        Assert.False(TlogProof.TryParse(Encoding.UTF8.GetBytes(text), out TlogProof? proof, out string? error));
        Assert.Null(proof);
        Assert.NotEmpty(error);
    }

    [Fact]
    public void TryParse_OverALimit_IsFalse()
    {
        string hashes = string.Concat(Enumerable.Repeat(Hash, InclusionProof.HashCountMax));
        Assert.True(TlogProof.TryParse(Encoding.UTF8.GetBytes($"{Header}index 0\n{hashes}\n"), out _, out _));
        Assert.False(TlogProof.TryParse(Encoding.UTF8.GetBytes($"{Header}index 0\n{hashes}{Hash}\n"), out _, out string? error));
        Assert.Contains("63", error, StringComparison.Ordinal);
        Assert.False(TlogProof.TryParse(new byte[TlogProof.TextBytesMax + 1], out _, out error));
        Assert.Contains("more than", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_EmptyExtra_IsNotNone()
    {
        Assert.True(TlogProof.TryParse(Encoding.UTF8.GetBytes($"{Header}extra \nindex 0\n\n"), out TlogProof? proof, out _));
        Assert.Equal(0, proof.Extra?.Length);
    }

    [Fact]
    public void Receipt_WithoutExtra_IsFalse()
    {
        Assert.False(Receipt.TryParse(Encoding.UTF8.GetBytes($"{Header}index 0\n\n"), out _, out string? error));
        Assert.Contains("extra", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Receipt_TextRoundTrip_KeepsEveryByte()
    {
        Receipt receipt = new SealedSample(20).Receipt(7);
        byte[] text = receipt.Format();
        Assert.True(Receipt.TryParse(text, out Receipt? parsed, out string? error), error);
        Assert.Equal(receipt.Entry.ToArray(), parsed.Entry.ToArray());
        Assert.Equal(receipt.Index, parsed.Index);
        Assert.Equal(receipt.InclusionProof.ToArray(), parsed.InclusionProof.ToArray());
        Assert.Equal(receipt.Checkpoint.ToArray(), parsed.Checkpoint.ToArray());
        Assert.Equal(text, parsed.Format());
    }
}
