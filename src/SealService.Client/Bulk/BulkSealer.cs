using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Seal.V1;

namespace SealService.Client.Bulk;

/// <summary>
/// Seals an asynchronous stream of documents over several lanes:
/// <code>
/// documents ─ pump ─▶ feed ─▶ BulkStream 1..n ─▶ results ─▶ the caller
/// </code>
/// Both queues are bounded: a caller that does not take its results stops the lanes, and they stop the pump.
/// </summary>
internal sealed class BulkSealer(
    Sealing.SealingClient sealing, SealClientOptions client, AnswerVerifier verifier, BulkSealOptions options)
{
    /// <summary>Documents that were taken from the caller and wait for a lane.</summary>
    private const int FeedDocumentsMax = 256;

    /// <summary>Results that wait for the caller.</summary>
    private const int ResultsMax = 1024;

    public async IAsyncEnumerable<SealResult> SealAllAsync(
        IAsyncEnumerable<DocumentToSeal> documents, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var feed = Channel.CreateBounded<DocumentToSeal>(new BoundedChannelOptions(FeedDocumentsMax) { SingleWriter = true });
        var results = Channel.CreateBounded<SealResult>(new BoundedChannelOptions(ResultsMax) { SingleReader = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

        var work = RunAsync(documents, feed, results.Writer, stop);
        try
        {
            await foreach (var result in results.Reader.ReadAllAsync(cancellationToken))
            {
                yield return result;
            }

            await work;
        }
        finally
        {
            // The caller may have left in the middle.
            await stop.CancelAsync();
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Runs the pump and the lanes; the first that fails stops the others and is what the caller gets.</summary>
    private async Task RunAsync(
        IAsyncEnumerable<DocumentToSeal> documents,
        Channel<DocumentToSeal> feed,
        ChannelWriter<SealResult> results,
        CancellationTokenSource stop)
    {
        Exception? failure = null;
        List<Task> tasks = [Task.Run(() => PumpAsync(documents, feed.Writer, stop.Token), CancellationToken.None)];
        for (var lane = 0; lane < client.Connections; lane++)
        {
            // A random generator of its own: only Random.Shared is safe for concurrent use.
            var own = options with { Jitter = new Random(options.Jitter.Next()) };
            var stream = new BulkStream(sealing, client, verifier, own, feed.Reader, results);
            tasks.Add(Task.Run(() => stream.RunAsync(stop.Token), CancellationToken.None));
        }

        await foreach (var task in Task.WhenEach(tasks))
        {
            if (!task.IsCompletedSuccessfully)
            {
                failure ??= task.Exception?.InnerException ?? new OperationCanceledException(stop.Token);
                await stop.CancelAsync();
            }
        }

        results.Complete(failure);
    }

    private static async Task PumpAsync(
        IAsyncEnumerable<DocumentToSeal> documents, ChannelWriter<DocumentToSeal> feed, CancellationToken cancellationToken)
    {
        await foreach (var document in documents.WithCancellation(cancellationToken))
        {
            await feed.WriteAsync(document, cancellationToken);
        }

        // Not in a finally: a pump that failed must not look like one that is done.
        feed.Complete();
    }
}
