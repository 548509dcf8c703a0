using SealService.Client;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Client;

/// <summary>Receipts on disk, and documents verified against them offline.</summary>
public sealed class ReceiptFileTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly FakeLedger _ledger = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TryRead_WhatWasWritten_IsTheSame()
    {
        var receipt = Seal("content");
        ReceiptFile.Write(_folder["a.tlog-proof"], receipt);

        Assert.True(ReceiptFile.TryRead(_folder["a.tlog-proof"], out var read, out var error), error);
        Assert.Equal(receipt.Format(), read.Format());
        Assert.Equal(["a.tlog-proof"], _folder.Files());
    }

    [Theory]
    [InlineData("missing.tlog-proof", null, "there is no receipt")]
    [InlineData("empty.tlog-proof", "", "is no receipt")]
    [InlineData("garbage.tlog-proof", "c2sp.org/tlog-proof@v1\nindex 1\n", "is no receipt")]
    public void TryRead_NoReceipt_SaysWhy(string name, string? text, string expected)
    {
        if (text is not null)
        {
            _folder.Write(name, text);
        }

        Assert.False(ReceiptFile.TryRead(_folder[name], out _, out var error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Contains(name, error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_FileThatIsTooBig_IsNotRead()
    {
        using (var file = File.Create(_folder["big.tlog-proof"]))
        {
            file.SetLength(TlogProof.TextBytesMax + 1L);
        }

        Assert.False(ReceiptFile.TryRead(_folder["big.tlog-proof"], out _, out var error));
        Assert.Contains("too big", error, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteKeepingOther_ReceiptOfAnotherEntry_IsKeptUnderItsIndex()
    {
        var first = Seal("first");
        var second = Seal("second");
        var path = _folder["a.pdf.tlog-proof"];

        ReceiptFile.WriteKeepingOther(path, first);
        ReceiptFile.WriteKeepingOther(path, first);
        Assert.Equal(["a.pdf.tlog-proof"], _folder.Files());
        ReceiptFile.WriteKeepingOther(path, second);

        Assert.True(ReceiptFile.TryRead(path, out var now, out _));
        Assert.True(ReceiptFile.TryRead(_folder[$"a.pdf.{first.Index}.tlog-proof"], out var kept, out _));
        Assert.Equal((second.Index, first.Index), (now.Index, kept.Index));
    }

    [Fact]
    public void WriteKeepingOther_WhatIsNoReceipt_IsReplaced()
    {
        var path = _folder.Write("a.tlog-proof", "cut o");

        ReceiptFile.WriteKeepingOther(path, Seal("content"));

        Assert.True(ReceiptFile.TryRead(path, out _, out _));
        Assert.Equal(["a.tlog-proof"], _folder.Files());
    }

    [Fact]
    public void VerifyFile_RightDocument_IsValid()
    {
        var document = _folder.Write("a.txt", "content");
        ReceiptFile.Write(document + ReceiptFile.Suffix, Seal("content"));

        var verification = new OfflineVerifier([_ledger.Key]).VerifyFile(document, document + ReceiptFile.Suffix);

        Assert.True(verification.IsValid, verification.Report?.FirstFailure?.Detail);
        Assert.Equal(7, verification.ReadEntry()?.SizeBytes);
        Assert.Equal(_ledger.Origin, verification.ReadOrigin());
    }

    [Theory]
    [InlineData("c0ntent", CheckKind.Digest)]
    [InlineData("content ", CheckKind.Size)]
    [InlineData("", CheckKind.Size)]
    public void VerifyFile_ChangedDocument_IsNotValid(string changed, CheckKind failing)
    {
        var document = _folder.Write("a.txt", changed);
        ReceiptFile.Write(document + ReceiptFile.Suffix, Seal("content"));

        var verification = new OfflineVerifier([_ledger.Key]).VerifyFile(document, document + ReceiptFile.Suffix);

        Assert.False(verification.IsValid);
        Assert.Equal(CheckOutcome.Failed, verification.Report![failing].Outcome);
    }

    [Fact]
    public void Verify_EveryByteOfTheReceiptChanged_IsNeverValid()
    {
        var receipt = Seal("content");
        var text = receipt.Format();
        var verifier = new OfflineVerifier([_ledger.Key]);
        for (var i = 0; i < text.Length; i++)
        {
            var changed = (byte[])text.Clone();
            changed[i] ^= 1;
            if (Receipt.TryParse(changed, out var parsed, out _))
            {
                using var document = new MemoryStream("content"u8.ToArray());
                Assert.False(verifier.Verify(document, parsed).IsValid, $"byte {i} may be changed");
            }
        }
    }

    [Fact]
    public void Verify_KeyOfAnotherLedger_IsNotValid()
    {
        using var document = new MemoryStream("content"u8.ToArray());

        var verification = new OfflineVerifier([new FakeLedger().Key]).Verify(document, Seal("content"));

        Assert.False(verification.IsValid);
        Assert.NotEqual(CheckOutcome.Passed, verification.Report![CheckKind.Signature].Outcome);
    }

    [Fact]
    public void VerifyFile_DocumentThatIsNotThere_IsNotValid()
    {
        ReceiptFile.Write(_folder["a.tlog-proof"], Seal("content"));

        var verification = new OfflineVerifier([_ledger.Key]).VerifyFile(_folder["a"], _folder["a.tlog-proof"]);

        Assert.False(verification.IsValid);
        Assert.Contains("can't be read", verification.Problem, StringComparison.Ordinal);
    }

    private Receipt Seal(string content)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(content);
        var document = new SubmittedDocument { Kind = EntryKind.Document, Digest = Sha256.HashData(bytes), SizeBytes = bytes.Length };
        var index = _ledger.Seal([(0, document)]).FirstIndex;
        var wire = _ledger.GetReceipt(index);
        return new Receipt(wire.Entry.Memory, index, wire.InclusionProof.Select(hash => MerkleHash.Read(hash.Span)).ToArray(), wire.Checkpoint.Memory);
    }
}
