using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;

namespace SealService.Client.Bulk;

/// <summary>
/// One lane of a bulk run: one stream at a time, and a new one when it breaks. Two loops, so that neither side ever waits for
/// the other to read: one sends documents, one reads answers. What was not answered when a stream broke is sent again under
/// the same idempotency keys, so that it is sealed once however often it is sent.
/// </summary>
internal sealed class BulkStream(
    Sealing.SealingClient sealing,
    SealClientOptions client,
    AnswerVerifier verifier,
    BulkSealOptions options,
    ChannelReader<DocumentToSeal> feed,
    ChannelWriter<SealResult> results)
{
    private readonly TimeProvider _timeProvider = client.TimeProvider;
    private readonly WakeSignal _wake = new();

    private readonly ResendQueue _again = new(
        client.TimeProvider, new RetryDelays(options.ReconnectDelay, options.ReconnectDelayMax, options.Jitter));

    // Owned by the reading loop while a stream is open, by RunAsync between streams.
    private bool _hasAnswers;

    // Owned by RunAsync. The time is that of the first failure since the last answer.
    private readonly RetryDelays _reconnects = new(options.ReconnectDelay, options.ReconnectDelayMax, options.Jitter);
    private long? _failingSince;

    /// <summary>Seals until the feed ends and every document that this lane took has its result.</summary>
    /// <exception cref="RpcException">The server refused the stream, or was not there for too long.</exception>
    /// <exception cref="InvalidAnswerException">The server's answers do not prove what they say.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!_again.IsEmpty || await feed.WaitToReadAsync(cancellationToken))
        {
            var outstanding = new OutstandingDocuments(options.OutstandingDocumentsMax, options.OutstandingBytesMax);
            _hasAnswers = false;
            try
            {
                await RunStreamAsync(outstanding, cancellationToken);
            }
            catch (RpcException e) when (IsTransient(e.StatusCode) && !cancellationToken.IsCancellationRequested)
            {
                if (HasFailedForTooLong(wasIdle: outstanding.IsEmpty))
                {
                    throw;
                }

                await TakeBackAsync(outstanding, e.Status, cancellationToken);
                await Task.Delay(_reconnects.Next(), _timeProvider, cancellationToken);
            }
        }
    }

    /// <summary>
    /// What a lost connection looks like, or a server that is restarting, overloaded, or tired of a stream that sent nothing for long.
    /// </summary>
    private static bool IsTransient(StatusCode code) => code is StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.Aborted
        or StatusCode.Cancelled or StatusCode.Internal or StatusCode.DeadlineExceeded;

    /// <summary>Ends well when the server has answered everything and the feed is at its end.</summary>
    private async Task RunStreamAsync(OutstandingDocuments outstanding, CancellationToken cancellationToken)
    {
        using var streamEnd = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = sealing.SealDocuments(cancellationToken: cancellationToken);
        var reading = ReadAnswersAsync((ClientStreamReader<SealDocumentsResponse>)call.ResponseStream, outstanding, streamEnd, cancellationToken);
        var sentAll = false;
        try
        {
            // The channel's own writer, because it can gather small messages.
            var requests = (ClientStreamWriter<SealDocumentsRequest>)call.RequestStream;
            await SendDocumentsAsync(requests, outstanding, streamEnd.Token);
            sentAll = true;
        }
        catch (Exception e) when (e is RpcException || streamEnd.IsCancellationRequested)
        {
            // The stream ended under the sender. Why it did is in the status that the reading loop gets.
        }
        catch
        {
            call.Dispose();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        await reading;
        if (!sentAll || !outstanding.IsEmpty)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream before everything was answered"));
        }
    }

    private async Task SendDocumentsAsync(
        ClientStreamWriter<SealDocumentsRequest> requests, OutstandingDocuments outstanding, CancellationToken streamEnd)
    {
        using var sender = new DocumentSender(requests, outstanding, options);
        var first = new StreamOptions { Ledger = client.Ledger, ReceiptForm = ReceiptForm.Compact };
        await requests.WriteAsync(new SealDocumentsRequest { Options = first }, streamEnd);
        while (true)
        {
            if (outstanding.HasRoom && sender.HasRoom && TryTakeNext(out var document))
            {
                await BeginAsync(sender, document, streamEnd);
            }
            else if (sender.IsIdle)
            {
                if (IsFinished(outstanding))
                {
                    break;
                }

                await sender.FlushAsync(streamEnd);
                await WaitForWorkAsync(outstanding, streamEnd);
            }

            foreach (var (unreadable, failure) in await sender.SendChunksAsync(streamEnd))
            {
                await results.WriteAsync(SealResult.Failed(unreadable.Document, failure), streamEnd);
            }
        }

        await requests.CompleteAsync();
    }

    private async ValueTask BeginAsync(DocumentSender sender, OutstandingDocument document, CancellationToken streamEnd)
    {
        SealFailure? failure;
        try
        {
            failure = await sender.BeginAsync(document, streamEnd);
        }
        catch when (!document.IsOutstanding)
        {
            // It belongs to nobody yet: keep it for the next stream.
            _again.Add(document);
            throw;
        }

        if (failure is not null)
        {
            await results.WriteAsync(SealResult.Failed(document.Document, failure), streamEnd);
        }
    }

    private bool TryTakeNext([NotNullWhen(true)] out OutstandingDocument? document)
    {
        document = null;
        if (_again.RemainingPause > TimeSpan.Zero)
        {
            return false;
        }

        if (!_again.TryTake(out document) && feed.TryRead(out var next))
        {
            document = new OutstandingDocument(next);
        }

        return document is not null;
    }

    /// <summary>
    /// True when there is nothing left to send. A document that the reading loop holds on its way from one to the other can be
    /// missed; then RunAsync opens another stream for it.
    /// </summary>
    private bool IsFinished(OutstandingDocuments outstanding) => outstanding.IsEmpty && _again.IsEmpty && feed.Completion.IsCompleted;

    /// <summary>Waits for an answer that makes room, for the end of a pause, or for a document when there is room for one.</summary>
    private async Task WaitForWorkAsync(OutstandingDocuments outstanding, CancellationToken streamEnd)
    {
        var pause = _again.RemainingPause;
        if (pause <= TimeSpan.Zero && !_again.IsEmpty && outstanding.HasRoom)
        {
            // The pause has ended since the loop looked.
            return;
        }

        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(streamEnd);
        var other = pause > TimeSpan.Zero ? Task.Delay(pause, _timeProvider, leaving.Token)
            : outstanding.HasRoom && !feed.Completion.IsCompleted ? feed.WaitToReadAsync(leaving.Token).AsTask()
            : Task.Delay(Timeout.InfiniteTimeSpan, leaving.Token);
        await Task.WhenAny(_wake.WaitAsync(), other);
        await leaving.CancelAsync();
        streamEnd.ThrowIfCancellationRequested();
    }

    private async Task ReadAnswersAsync(
        ClientStreamReader<SealDocumentsResponse> answers,
        OutstandingDocuments outstanding,
        CancellationTokenSource streamEnd,
        CancellationToken cancellationToken)
    {
        try
        {
            while (await answers.MoveNext(cancellationToken))
            {
                await AcceptAsync(answers.Current, outstanding, cancellationToken);
                _hasAnswers = true;
                _wake.Set();
            }
        }
        finally
        {
            await streamEnd.CancelAsync();
        }
    }

    private async ValueTask AcceptAsync(SealDocumentsResponse answer, OutstandingDocuments outstanding, CancellationToken cancellationToken)
    {
        switch (answer.AnswerCase)
        {
            case SealDocumentsResponse.AnswerOneofCase.Compact:
                var documents = outstanding.Remove(answer.Compact.Refs);
                _again.ResetPauses();
                foreach (var result in verifier.Accept(answer.Compact, documents))
                {
                    await results.WriteAsync(result, cancellationToken);
                }

                break;

            case SealDocumentsResponse.AnswerOneofCase.Sealed:
                var document = outstanding.Remove(answer.Sealed.Ref);
                await results.WriteAsync(verifier.Accept(answer.Sealed, document), cancellationToken);
                break;

            case SealDocumentsResponse.AnswerOneofCase.Failed:
                if (RejectOrKeep(answer.Failed, outstanding) is { } rejected)
                {
                    await results.WriteAsync(rejected, cancellationToken);
                }

                break;

            default:
                throw new InvalidAnswerException("The server sent an answer that this client does not know.");
        }
    }

    /// <summary>A document that could not be sealed just now is kept, to be sent again after a pause; null then.</summary>
    private SealResult? RejectOrKeep(FailedDocument failed, OutstandingDocuments outstanding)
    {
        var document = outstanding.Remove(failed.Ref);
        if ((StatusCode)failed.Code is not (StatusCode.Unavailable or StatusCode.Aborted) || ++document.Resends > options.ResendsMax)
        {
            return Rejected(document, new Status((StatusCode)failed.Code, failed.Message));
        }

        _again.AddAndPause(document);
        return null;
    }

    private static SealResult Rejected(OutstandingDocument document, Status status) =>
        SealResult.Failed(document.Document, new SealFailure(SealFailureReason.Rejected, status.StatusCode, status.Detail));

    /// <summary>Keeps what a broken stream left unanswered, up to the number of resends a document has.</summary>
    private async ValueTask TakeBackAsync(OutstandingDocuments outstanding, Status status, CancellationToken cancellationToken)
    {
        foreach (var document in outstanding.RemoveAll())
        {
            // A stream without any answer says nothing about its documents: the server was not there.
            if (_hasAnswers && ++document.Resends > options.ResendsMax)
            {
                await results.WriteAsync(Rejected(document, status), cancellationToken);
                continue;
            }

            _again.Add(document);
        }
    }

    private bool HasFailedForTooLong(bool wasIdle)
    {
        if (_hasAnswers || wasIdle)
        {
            _failingSince = null;
            _reconnects.Reset();
        }

        _failingSince ??= _timeProvider.GetTimestamp();
        return _timeProvider.GetElapsedTime(_failingSince.Value) >= options.GiveUpAfter;
    }
}
