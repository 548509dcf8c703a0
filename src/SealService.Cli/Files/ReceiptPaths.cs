using SealService.Client;

namespace SealService.Cli.Files;

/// <summary>Where a document's receipt is kept: beside it, or at the same relative path under a folder of receipts.</summary>
/// <param name="folder">The folder of receipts; null to keep each beside its document.</param>
internal sealed class ReceiptPaths(string? folder)
{
    public string Of(DocumentFile document) =>
        (folder is null ? document.Path : Path.Combine(folder, document.RelativePath)) + ReceiptFile.Suffix;

    /// <summary>True for receipts, and for what an interrupted write of one has left.</summary>
    public static bool IsReceipt(string path) =>
        path.EndsWith(ReceiptFile.Suffix, StringComparison.Ordinal) || ReceiptFile.IsPartial(path);
}
