using System.Diagnostics;
using System.Security.Cryptography;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Docs;

/// <summary>The receipt that docs/receipts.md explains byte by byte is what the page says, for our own verifier and for standard tools.</summary>
public sealed class ExampleReceiptTests : IDisposable
{
    private static readonly string Examples = Path.Combine(FindRoot(), "docs", "examples");
    private static readonly string Document = Path.Combine(Examples, "receipt", "agreement.txt");
    private static readonly string ReceiptFile = Document + ".tlog-proof";
    private static readonly string KeyFile = Path.Combine(Examples, "receipt", "ledger.vkey");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("seal-docs-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void ReceiptVerifier_OfTheExample_PassesEveryCheck()
    {
        VerificationReport report = Verify(File.ReadAllBytes(Document));

        Assert.True(report.IsValid);
        Assert.All(report.Checks, check => Assert.Equal(CheckOutcome.Passed, check.Outcome));
    }

    [Fact]
    public void ReceiptVerifier_OfAChangedDocument_FailsTheDigestAlone()
    {
        byte[] document = File.ReadAllBytes(Document);
        document[^3] ^= 1;

        VerificationReport report = Verify(document);

        Assert.Equal([CheckKind.Digest], report.Checks.Where(check => check.Outcome != CheckOutcome.Passed).Select(check => check.Kind));
    }

    [Fact]
    public void ReceiptsPage_QuotesTheExamplesFiles()
    {
        string page = File.ReadAllText(Path.Combine(Examples, "..", "receipts.md"));

        Assert.Contains(File.ReadAllText(ReceiptFile), page, StringComparison.Ordinal);
        Assert.Contains(File.ReadAllText(KeyFile), page, StringComparison.Ordinal);
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Document))), page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckReceiptScript_OfTheExample_SaysValid()
    {
        (int exitCode, string output) = await RunCheckAsync(Document, ReceiptFile);

        Assert.Equal(0, exitCode);
        Assert.EndsWith("is entry 5 of seal.example.com/contracts (11 entries signed)\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("index 5", "index 4", "the proof does not lead to the signed root")]
    [InlineData("+cXw/frfkMqs5PGMTyba7A", "+cXw/frfkMqs5PGMTyba7B", "the proof does not lead to the signed root")]
    [InlineData("\n11\n", "\n12\n", "the checkpoint's signature is wrong")]
    [InlineData("extra CAESEMkJ", "extra CAESEMkK", "the proof does not lead to the signed root")]
    public async Task CheckReceiptScript_OfAChangedReceipt_SaysWhatIsWrong(string original, string changed, string complaint)
    {
        string text = await File.ReadAllTextAsync(ReceiptFile, TestContext.Current.CancellationToken);
        Assert.Contains(original, text, StringComparison.Ordinal);
        string forged = Path.Combine(_folder.FullName, "forged.tlog-proof");
        await File.WriteAllTextAsync(forged, text.Replace(original, changed, StringComparison.Ordinal), TestContext.Current.CancellationToken);

        (int exitCode, string output) = await RunCheckAsync(Document, forged);

        Assert.Equal(1, exitCode);
        Assert.Equal($"NOT VALID: {complaint}\n", output);
    }

    [Fact]
    public async Task CheckReceiptScript_OfAnotherDocument_SaysSo()
    {
        string other = Path.Combine(_folder.FullName, "other.txt");
        await File.WriteAllTextAsync(other, "The owner pays 900 euros.\n", TestContext.Current.CancellationToken);

        Assert.Equal((1, "NOT VALID: the entry is for another document\n"), await RunCheckAsync(other, ReceiptFile));
    }

    private static VerificationReport Verify(byte[] document)
    {
        Assert.True(VerifierKey.TryParse(File.ReadAllText(KeyFile).TrimEnd('\n'), out VerifierKey? key, out string? error), error);
        Assert.True(Receipt.TryParse(File.ReadAllBytes(ReceiptFile), out Receipt? receipt, out error), error);
        return new ReceiptVerifier([key]).Verify(receipt, Sha256.HashData(document), document.Length);
    }

    private static async Task<(int ExitCode, string Output)> RunCheckAsync(string document, string receipt)
    {
        ProcessStartInfo start = new("bash", [Path.Combine(Examples, "shell", "check-receipt.sh"), document, receipt, KeyFile]) { RedirectStandardOutput = true, UseShellExecute = false };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output);
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "SealService.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("SealService.sln was not found above the test assembly.");
    }
}
