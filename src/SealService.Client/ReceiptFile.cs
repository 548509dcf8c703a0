using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>
/// Receipts as files: C2SP tlog-proof texts with the entry in their extra line. A receipt that was lost is no loss of the seal:
/// the server gives it anew. So files are replaced atomically, but not flushed to disk one by one.
/// </summary>
public static class ReceiptFile
{
    /// <summary>What is added to a document's name to name its receipt.</summary>
    public const string Suffix = TlogProof.FileSuffix;

    private const string PartialSuffix = ".partial-";

    /// <summary>True for a file that an interrupted <see cref="Write"/> left behind.</summary>
    public static bool IsPartial(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Path.GetFileName(path).Contains(Suffix + PartialSuffix, StringComparison.Ordinal);
    }

    /// <summary>Reads a receipt. False, and why, when there is none or it can't be read as one.</summary>
    public static bool TryRead(string path, [NotNullWhen(true)] out Receipt? receipt, [NotNullWhen(false)] out string? error)
    {
        receipt = null;
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
            {
                error = $"there is no receipt {path}";
                return false;
            }

            if (file.Length > TlogProof.TextBytesMax)
            {
                error = $"{path} is too big for a receipt ({file.Length} bytes)";
                return false;
            }

            if (!Receipt.TryParse(File.ReadAllBytes(path), out receipt, out var malformed))
            {
                error = $"{path} is no receipt: {malformed}";
                return false;
            }

            error = null;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error = $"{path} can't be read: {e.Message}";
            return false;
        }
    }

    /// <summary>Writes a receipt in one step: whoever opens the file sees it whole, or what was there before.</summary>
    public static void Write(string path, Receipt receipt)
    {
        ArgumentNullException.ThrowIfNull(receipt);
        // The process is in the name, so that two runs over the same files don't write into one another's.
        var partial = string.Create(CultureInfo.InvariantCulture, $"{path}{PartialSuffix}{Environment.ProcessId}");
        try
        {
            File.WriteAllBytes(partial, receipt.Format());
            File.Move(partial, path, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <summary>
    /// Writes a receipt as <see cref="Write"/> does, but destroys no evidence: a receipt that is there and proves something
    /// else (an earlier content of the document, say) is kept as NAME.(index of its entry).tlog-proof.
    /// </summary>
    /// <returns>The receipt that is kept, and where; null when there was none.</returns>
    public static (string Path, Receipt Receipt)? WriteKeepingOther(string path, Receipt receipt)
    {
        ArgumentNullException.ThrowIfNull(receipt);
        (string Path, Receipt Receipt)? kept = null;
        if (File.Exists(path) && TryRead(path, out var other, out _) && !other.Entry.Span.SequenceEqual(receipt.Entry.Span))
        {
            var stem = path.EndsWith(Suffix, StringComparison.Ordinal) ? path[..^Suffix.Length] : path;
            kept = (string.Create(CultureInfo.InvariantCulture, $"{stem}.{other.Index}{Suffix}"), other);
            File.Move(path, kept.Value.Path, overwrite: true);
        }

        Write(path, receipt);
        return kept;
    }
}
