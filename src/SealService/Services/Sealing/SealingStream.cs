using Grpc.Core;
using Grpc.Server;
using SealService.Configuration;
using SealService.Hosting;
using SealService.Ledger;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services.Sealing;

/// <summary>
/// One bulk call's way into a ledger and back: the reading side adds documents (<see cref="SealAsync"/>), the answering side sends what is
/// sealed. Several documents share one visit to the open batch; <see cref="Pause"/> ends the visit, and must be called before anything else is
/// awaited. The reading side is one loop; answers are sent under <c>_gate</c> by whoever has one.
/// </summary>
internal sealed class SealingStream : IDisposable
{
    /// <summary>
    /// Documents added during one visit to the open batch. The sequencer waits for visitors, so a visit is short; entering costs little
    /// more than an interlocked operation, so it need not be long.
    /// </summary>
    private const int DocumentsPerVisitMax = 32;

    /// <summary>Answers are flushed at the latest when so many bytes wait.</summary>
    private const int UnflushedBytesMax = 128 * 1024;

    private readonly HostedLedger _ledger;
    private readonly bool _fullReceipts;
    private readonly ServerStreamWriter<SealingAnswer> _responses;
    private readonly CancellationTokenSource _callEnded;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly SemaphoreSlim _lookups;
    private readonly int _lookupsMax;
    private readonly LedgerWriter _writer;
    private readonly Task _answering;

    private volatile Exception? _fault; // set once, before _callEnded

    // Owned by the reading side.
    private bool _visiting;
    private int _visitedWith;

    public SealingStream(HostedLedger ledger, bool fullReceipts, ServerStreamWriter<SealingAnswer> responses, LimitOptions limits, CancellationToken cancellationToken)
    {
        _ledger = ledger;
        _fullReceipts = fullReceipts;
        _responses = responses;
        _lookupsMax = limits.LookupsPerStreamMax;
        _lookups = new SemaphoreSlim(_lookupsMax);
        _callEnded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _writer = ledger.Ledger.CreateWriter();
        _answering = AnswerAsync();
    }

    /// <summary>Cancelled when the client has gone or can't be answered any more.</summary>
    public CancellationToken Ended => _callEnded.Token;

    /// <summary>
    /// Adds one document, waiting while the ledger or the client's reading is behind. A document that can't be sealed is answered, not thrown.
    /// </summary>
    public ValueTask SealAsync(ulong reference, EntryKind kind, in MerkleHash digest, long sizeBytes, DocumentFields fields)
    {
        if (fields.ExpectedSha256 is { IsEmpty: false } expected && !expected.SequenceEqual(digest.AsSpan()))
        {
            return FailAsync(reference, StatusCode.InvalidArgument, $"expected_sha256 is {MerkleHash.Read(expected)}, but the document's SHA-256 is {digest}.");
        }

        if (fields.IdempotencyKeySha256 is { IsEmpty: false } key)
        {
            return ClaimAndAddAsync(reference, MerkleHash.Read(key), kind, digest, sizeBytes, fields);
        }

        return TryAdd(reference, kind, digest, sizeBytes, fields, claim: null) ? default : AddWhenThereIsRoomAsync(reference, kind, digest, sizeBytes, fields, claim: null);
    }

    /// <summary>Why the answering side ended early; null when it did not, or when the client has gone.</summary>
    public Exception? Fault => _fault;

    /// <summary>Answers that a document is not sealed.</summary>
    public ValueTask FailAsync(ulong reference, StatusCode code, string message)
    {
        Pause(); // sending may wait for the client
        return SendAsync(SealingAnswer.Failed(reference, code, message));
    }

    /// <summary>Ends the visit to the open batch, so that it can be sealed.</summary>
    public void Pause()
    {
        if (_visiting)
        {
            _visiting = false;
            _visitedWith = 0;
            _writer.Leave();
        }
    }

    /// <summary>Waits until every document that was added has been answered.</summary>
    public async Task CompleteAsync()
    {
        Pause();
        _writer.Complete();
        await _answering;
        for (var i = 0; i < _lookupsMax; i++)
        {
            await _lookups.WaitAsync(Ended);
        }
    }

    public void Dispose()
    {
        Pause();
        _callEnded.Cancel();
        if (_answering.IsCompleted)
        {
            Release(_answering);
        }
        else
        {
            _ = _answering.ContinueWith(Release, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        void Release(Task answering)
        {
            _ = answering.Exception; // the call has ended with it, or for another reason
            _writer.Dispose();
        }
    }

    private bool TryAdd(ulong reference, EntryKind kind, in MerkleHash digest, long sizeBytes, DocumentFields fields, Claim? claim)
    {
        if (_visiting && _visitedWith >= DocumentsPerVisitMax)
        {
            Pause();
        }

        if (!_visiting && !(_visiting = _writer.TryEnter()))
        {
            return false;
        }

        _visitedWith++;
        return _writer.TryAdd(reference, new DocumentSeal
        {
            Kind = kind,
            Digest = digest.AsSpan(),
            SizeBytes = sizeBytes,
            DocumentId = fields.DocumentId,
            MetadataCommitment = fields.MetadataCommitment,
            Claim = claim,
        });
    }

    private async ValueTask AddWhenThereIsRoomAsync(ulong reference, EntryKind kind, MerkleHash digest, long sizeBytes, DocumentFields fields, Claim? claim)
    {
        do
        {
            Pause();
            if (!await _writer.WaitToEnterAsync(Ended))
            {
                await FailAsync(reference, StatusCode.Unavailable, "The ledger takes no more documents: the server is stopping. This one was not sealed.");
                return;
            }
        }
        while (!TryAdd(reference, kind, digest, sizeBytes, fields, claim));
    }

    private async ValueTask ClaimAndAddAsync(ulong reference, MerkleHash key, EntryKind kind, MerkleHash digest, long sizeBytes, DocumentFields fields)
    {
        var claiming = _ledger.Ledger.ClaimAsync(key, digest, Ended);
        if (!claiming.IsCompleted)
        {
            Pause();
        }

        ClaimResult claim;
        try
        {
            claim = await claiming;
        }
        catch (LedgerException e)
        {
            // The entry that the key leads to can't be read: that is this document's trouble, not the stream's.
            await FailAsync(reference, LedgerStatus.CodeOf(e), e.Message);
            return;
        }

        switch (claim.Outcome)
        {
            case ClaimOutcome.Claimed:
                using (claim.Claim) // gives the key free if the document does not get in
                {
                    if (!TryAdd(reference, kind, digest, sizeBytes, fields, claim.Claim))
                    {
                        await AddWhenThereIsRoomAsync(reference, kind, digest, sizeBytes, fields, claim.Claim);
                    }
                }

                break;
            case ClaimOutcome.Conflict:
                await FailAsync(reference, StatusCode.AlreadyExists, "idempotency_key was used for a document with another digest.");
                break;
            default:
                Pause(); // the document in flight may be one of our own
                await _lookups.WaitAsync(Ended);
                _ = AnswerFromLedgerAsync(reference, claim);
                break;
        }
    }

    // Sends the original receipt of a document that was sealed before, or is being sealed by someone else.
    private async Task AnswerFromLedgerAsync(ulong reference, ClaimResult claim)
    {
        try
        {
            var index = claim.Outcome == ClaimOutcome.Sealed ? claim.Index : await claim.WaitForIndexAsync(Ended);
            await SendAsync(index is { } found
                ? SealingAnswer.Sealed(reference, await _ledger.Ledger.ReadReceiptAsync(found, Ended), alreadySealed: true)
                : SealingAnswer.Failed(reference, StatusCode.Unavailable, "The same document was being sealed by another call and could not be. Try again."));
        }
        catch (Exception e) when (e is LedgerException or RpcException && !Ended.IsCancellationRequested)
        {
            var status = e is RpcException rpc ? rpc.Status : new Status(LedgerStatus.CodeOf((LedgerException)e), e.Message);
            await SendFailureAsync(reference, status);
        }
        catch (Exception e) when (!Ended.IsCancellationRequested)
        {
            await EndAsync(e); // the call can't answer this document, so it must not end as if it had
        }
        catch (OperationCanceledException)
        {
            // Nobody is waiting for the answer any more.
        }
        finally
        {
            _lookups.Release();
        }
    }

    private async Task SendFailureAsync(ulong reference, Status status)
    {
        try
        {
            await SendAsync(SealingAnswer.Failed(reference, status.StatusCode, status.Detail));
        }
        catch (Exception e)
        {
            await EndAsync(e);
        }
    }

    private async Task AnswerAsync()
    {
        try
        {
            while (await _writer.ReadSealedAsync(Ended) is { } segment)
            {
                using (segment)
                {
                    await SendSegmentAsync(segment);
                }
            }
        }
        catch (Exception e)
        {
            await EndAsync(e); // stops the reading side
            throw;
        }
    }

    private async ValueTask EndAsync(Exception reason)
    {
        if (!Ended.IsCancellationRequested)
        {
            _fault ??= reason;
        }

        await _callEnded.CancelAsync();
    }

    private async ValueTask SendSegmentAsync(SealedSegment segment)
    {
        await _gate.WaitAsync(Ended);
        try
        {
            if (segment.Failure is null && !_fullReceipts)
            {
                _responses.Write(SealingAnswer.Compact(segment));
            }
            else
            {
                for (var i = 0; i < segment.Count; i++)
                {
                    var reference = segment.References[i];
                    _responses.Write(segment.Failure is { } failure
                        ? SealingAnswer.Failed(reference, LedgerStatus.CodeOf(failure), failure.Message)
                        : SealingAnswer.Sealed(reference, segment.GetReceipt(i), alreadySealed: false));
                    if (_responses.UnflushedBytes > UnflushedBytesMax)
                    {
                        await _responses.FlushAsync(Ended);
                    }
                }
            }

            await _responses.FlushAsync(Ended);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async ValueTask SendAsync(SealingAnswer answer)
    {
        await _gate.WaitAsync(Ended);
        try
        {
            _responses.Write(answer);
            await _responses.FlushAsync(Ended);
        }
        finally
        {
            _gate.Release();
        }
    }
}
