using System.Threading.Channels;
using SealService.Cli.Files;
using SealService.Cli.Output;
using SealService.Client;
using SealService.Merkle;

namespace SealService.Cli.Sealing;

/// <summary>
/// One run of <c>seal seal</c>:
/// <code>
/// files ─ skip those whose receipt matches ─▶ bulk sealer ─ receipts written ─▶ results
/// </code>
/// Every step is bounded, so that neither the number of files nor their sizes show in memory.
/// </summary>
internal sealed class SealRun(
    SealClient client,
    string origin,
    IReadOnlyList<VerifierKey> keys,
    ReceiptPaths receiptPaths,
    string documentId,
    int jobs,
    ResultWriter writer,
    SealCounts counts)
{
    /// <summary>Documents that were looked at and wait for the sealer.</summary>
    private const int QueuedDocumentsMax = 64;

    private readonly OfflineVerifier _verifier = new(keys);

    public async Task RunAsync(IEnumerable<DocumentFile> files, CancellationToken cancellationToken)
    {
        var queue = Channel.CreateBounded<DocumentToSeal>(QueuedDocumentsMax);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var selecting = SelectAsync(files, queue.Writer, stop.Token);
        try
        {
            var results = client.SealAllAsync(queue.Reader.ReadAllAsync(stop.Token), cancellationToken: stop.Token);
            await Parallel.ForEachAsync(results, Parallelism(stop.Token), (result, _) =>
            {
                Report(result);
                return ValueTask.CompletedTask;
            });
        }
        finally
        {
            await stop.CancelAsync();
            await selecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SelectAsync(IEnumerable<DocumentFile> files, ChannelWriter<DocumentToSeal> queue, CancellationToken cancellationToken)
    {
        try
        {
            await Parallel.ForEachAsync(files, Parallelism(cancellationToken), async (file, token) =>
            {
                if (HasMatchingReceipt(file))
                {
                    counts.AddSkipped();
                    Write(file, "skipped", receipt: receiptPaths.Of(file));
                    return;
                }

                await queue.WriteAsync(CreateDocument(file), token);
            });
            queue.Complete();
        }
        catch (Exception e)
        {
            // The sealer gets it with the next document that it asks for, and ends with it.
            queue.Complete(e);
        }
    }

    private ParallelOptions Parallelism(CancellationToken cancellationToken) =>
        new() { MaxDegreeOfParallelism = jobs, CancellationToken = cancellationToken };

    private DocumentToSeal CreateDocument(DocumentFile file) => DocumentToSeal.FromFile(file.Path) with
    {
        DeriveIdempotencyKey = digest => IdempotencyKeys.Derive(origin, digest, file.RelativePath),
        DocumentId = documentId,
        Tag = file,
    };

    /// <summary>True when there is nothing to do: the receipt is for this very content, from this ledger, and valid.</summary>
    private bool HasMatchingReceipt(DocumentFile file)
    {
        if (!ReceiptFile.TryRead(receiptPaths.Of(file), out var receipt, out _))
        {
            return false;
        }

        try
        {
            // The size alone tells most changed files, without reading them.
            return EntryDetails.TryRead(receipt.Entry.Span, out var entry, out _)
                && entry.SizeBytes == new FileInfo(file.Path).Length
                && _verifier.VerifyFile(file.Path, receipt) is { IsValid: true } verification
                && verification.ReadOrigin() == origin;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The sealer meets the same and reports it.
            return false;
        }
    }

    private void Report(SealResult result)
    {
        var file = (DocumentFile)result.Document.Tag!;
        if (!result.IsSealed)
        {
            var failure = result.Failure;
            Fail(file, failure.Reason == SealFailureReason.Rejected ? ServerErrors.NameOf(failure.Code) : "UNREADABLE", failure.Message);
            return;
        }

        var path = receiptPaths.Of(file);
        (string Path, Receipt Receipt)? earlier;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            earlier = ReceiptFile.WriteKeepingOther(path, result.Receipt);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail(file, "RECEIPT_NOT_WRITTEN", $"It was sealed as entry {result.Receipt.Index}, but its receipt can't be written: {e.Message}");
            return;
        }

        if (earlier is { } kept && !(EntryDetails.TryRead(kept.Receipt.Entry.Span, out var entry, out _) && entry.Digest != result.Digest))
        {
            earlier = null; // another ledger's receipt for the same content
        }

        counts.AddSealed(result.SizeBytes, result.AlreadySealed, contentChanged: earlier is not null);
        Write(file, result.AlreadySealed ? "already_sealed" : "sealed", result, path, earlier);
    }

    private void Fail(DocumentFile file, string code, string message)
    {
        counts.AddFailed();
        writer.WriteText($"failed   {file.Path}: {message}");
        writer.WriteJson(new SealedDocumentJson("document", file.Path, "failed", null, null, null, null, null, new FailureJson(code, message)));
    }

    private void Write(DocumentFile file, string outcome, SealResult? result = null, string? receipt = null, (string Path, Receipt Receipt)? earlier = null)
    {
        if (file.IsNamed)
        {
            writer.WriteText(result is null
                ? $"skipped  {file.Path}: {receipt} matches"
                : $"sealed   {file.Path}: entry {result.Receipt?.Index}{(result.AlreadySealed ? ", sealed before" : "")}, "
                    + (earlier is { } kept ? $"content changed since entry {kept.Receipt.Index} (its receipt is now {kept.Path}), " : "")
                    + $"receipt {receipt}");
        }

        writer.WriteJson(new SealedDocumentJson(
            "document", file.Path, outcome, result?.Digest.ToString(), result?.SizeBytes, result?.Receipt?.Index, receipt, earlier?.Path, Error: null));
    }
}
