using System.Threading.Channels;
using SealService.Cli.Files;
using SealService.Client;

namespace SealService.Cli.Verifying;

/// <summary>A document with its receipt, checked.</summary>
internal sealed record VerifiedDocument(DocumentFile File, string ReceiptPath, DocumentVerification Verification);

/// <summary>Verifies many documents in parallel and gives the results in the order of the files.</summary>
internal sealed class VerifyRun(OfflineVerifier verifier, Func<DocumentFile, string> receiptPathOf)
{
    /// <summary>Results that wait for an earlier one, for each processor.</summary>
    private const int AheadPerProcessor = 16;

    public async IAsyncEnumerable<VerifiedDocument> RunAsync(
        IEnumerable<DocumentFile> files,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ahead = Channel.CreateBounded<Task<VerifiedDocument>>(AheadPerProcessor * Environment.ProcessorCount);
        var starting = StartAsync(files, ahead.Writer, stop.Token);
        try
        {
            await foreach (var verified in ahead.Reader.ReadAllAsync(cancellationToken))
            {
                yield return await verified;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await starting;
        }
    }

    private async Task StartAsync(IEnumerable<DocumentFile> files, ChannelWriter<Task<VerifiedDocument>> ahead, CancellationToken stop)
    {
        Exception? failure = null;
        try
        {
            foreach (var file in files)
            {
                await ahead.WaitToWriteAsync(stop);
                await ahead.WriteAsync(Task.Run(() => Verify(file), stop), stop);
            }
        }
        catch (Exception e)
        {
            failure = e;
        }

        ahead.Complete(failure);
    }

    private VerifiedDocument Verify(DocumentFile file)
    {
        var receiptPath = receiptPathOf(file);
        return new VerifiedDocument(file, receiptPath, verifier.VerifyFile(file.Path, receiptPath));
    }
}
