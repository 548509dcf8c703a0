using Grpc.Core;
using Seal.V1;
using SealService.Configuration;
using SealService.Hosting;
using SealService.Ledger;

namespace SealService.Services;

/// <summary>Implements <c>seal.v1.Ledger</c>.</summary>
internal sealed class LedgerService(LedgerDirectory ledgers, LimitOptions limits, ServerDrain drain) : Seal.V1.Ledger.LedgerBase
{
    private const int FindPageSizeDefault = 100;

    public override Task<GetCheckpointResponse> GetCheckpoint(GetCheckpointRequest request, ServerCallContext context)
    {
        var ledger = ledgers.Get(request.Ledger);
        return Task.FromResult(new GetCheckpointResponse { Checkpoint = ledger.Ledger.Head.ToMessage(ledger.Options.Origin) });
    }

    public override async Task WatchCheckpoints(WatchCheckpointsRequest request, IServerStreamWriter<WatchCheckpointsResponse> responseStream, ServerCallContext context)
    {
        var ledger = ledgers.Get(request.Ledger);
        using var until = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, drain.Token);
        var head = ledger.Ledger.Head;
        try
        {
            while (true)
            {
                await responseStream.WriteAsync(new WatchCheckpointsResponse { Checkpoint = head.ToMessage(ledger.Options.Origin) }, until.Token);
                head = await ledger.Ledger.WaitForHeadAfterAsync(head.TreeSize, until.Token).Mapped();
            }
        }
        catch (OperationCanceledException) when (drain.Token.IsCancellationRequested && !context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The server is stopping."));
        }
    }

    public override async Task GetEntries(GetEntriesRequest request, IServerStreamWriter<GetEntriesResponse> responseStream, ServerCallContext context)
    {
        var ledger = ledgers.Get(request.Ledger).Ledger;
        var size = ledger.Head.TreeSize;
        if (request.FirstIndex < 0 || request.Count < 0)
        {
            throw BadRequest.Of(request.FirstIndex < 0 ? "first_index" : "count", "is negative");
        }

        if (request.FirstIndex > size)
        {
            throw OutOfRange($"first_index {request.FirstIndex} is beyond the ledger's size {size}.");
        }

        var count = request.Count == 0 ? size - request.FirstIndex : Math.Min(request.Count, size - request.FirstIndex);
        try
        {
            await SendEntriesAsync(ledger.ReadEntriesAsync(request.FirstIndex, count, context.CancellationToken), request.FirstIndex, responseStream, context);
        }
        catch (LedgerException e)
        {
            throw new RpcException(new Status(LedgerStatus.CodeOf(e), e.Message));
        }
    }

    private async Task SendEntriesAsync(
        IAsyncEnumerable<EntryBundle> bundles, long firstIndex, IServerStreamWriter<GetEntriesResponse> responseStream, ServerCallContext context)
    {
        var message = new GetEntriesResponse { FirstIndex = firstIndex };
        var bytes = 0;
        await foreach (var bundle in bundles)
        {
            if (drain.Token.IsCancellationRequested)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, "The server is stopping."));
            }

            for (var i = 0; i < bundle.Count; i++)
            {
                message.Entries.Add(Messages.Wrap(bundle[i]));
                bytes += bundle[i].Length;
                if (bytes >= limits.EntriesMessageBytes)
                {
                    await responseStream.WriteAsync(message, context.CancellationToken);
                    message = new GetEntriesResponse { FirstIndex = message.FirstIndex + message.Entries.Count };
                    bytes = 0;
                }
            }
        }

        if (message.Entries.Count > 0)
        {
            await responseStream.WriteAsync(message, context.CancellationToken);
        }
    }

    public override async Task<GetInclusionProofResponse> GetInclusionProof(GetInclusionProofRequest request, ServerCallContext context)
    {
        var ledger = ledgers.Get(request.Ledger).Ledger;
        var size = SizeOf("tree_size", request.TreeSize, ledger);
        if (request.Index < 0 || request.Index >= size)
        {
            throw request.Index < 0 ? BadRequest.Of("index", "is negative") : OutOfRange($"index {request.Index} is not below tree_size {size}.");
        }

        var proof = await ledger.GetInclusionProofAsync(request.Index, size, context.CancellationToken).Mapped();
        return new GetInclusionProofResponse
        {
            Index = request.Index,
            TreeSize = size,
            LeafHash = proof.LeafHash.ToByteString(),
            Hashes = { proof.Hashes.Select(h => h.ToByteString()) },
            RootHash = proof.RootHash.ToByteString(),
        };
    }

    public override async Task<GetConsistencyProofResponse> GetConsistencyProof(GetConsistencyProofRequest request, ServerCallContext context)
    {
        var ledger = ledgers.Get(request.Ledger).Ledger;
        var second = SizeOf("second_size", request.SecondSize, ledger);
        if (request.FirstSize < 0)
        {
            throw BadRequest.Of("first_size", "is negative");
        }

        if (request.FirstSize > second)
        {
            throw OutOfRange($"first_size {request.FirstSize} is greater than second_size {second}.");
        }

        var proof = await ledger.GetConsistencyProofAsync(request.FirstSize, second, context.CancellationToken).Mapped();
        return new GetConsistencyProofResponse
        {
            FirstSize = request.FirstSize,
            SecondSize = second,
            Hashes = { proof.Hashes.Select(h => h.ToByteString()) },
            FirstRootHash = proof.FirstRootHash.ToByteString(),
            SecondRootHash = proof.SecondRootHash.ToByteString(),
        };
    }

    public override async Task<FindEntriesResponse> FindEntries(FindEntriesRequest request, ServerCallContext context)
    {
        var ledger = ledgers.Get(request.Ledger).Ledger;
        if (request.PageSize < 0 || request.PageSize > limits.FindPageSizeMax)
        {
            throw BadRequest.Of("page_size", $"is {request.PageSize}; it must be from 0 to {limits.FindPageSizeMax} (Seal:Limits:FindPageSizeMax)");
        }

        var before = long.MaxValue;
        if (request.PageToken.Length > 0 && !(long.TryParse(request.PageToken, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out before)))
        {
            throw BadRequest.Of("page_token", "is not one that this method gave");
        }

        var (kind, value) = LookupOf(request);
        var page = await ledger.FindAsync(kind, value, request.PageSize == 0 ? Math.Min(FindPageSizeDefault, limits.FindPageSizeMax) : request.PageSize, before, context.CancellationToken).Mapped();
        var response = new FindEntriesResponse();
        foreach (var found in page.Entries)
        {
            response.Entries.Add(new Seal.V1.FoundEntry { Index = found.Index, Entry = Messages.Wrap(found.Entry) });
        }

        response.NextPageToken = page.NextBefore?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "";

        return response;
    }

    private static (LookupKind Kind, ReadOnlyMemory<byte> Value) LookupOf(FindEntriesRequest request) => request.ByCase switch
    {
        FindEntriesRequest.ByOneofCase.DocumentId => (LookupKind.DocumentId, Lookups.DocumentId("document_id", request.DocumentId)),
        FindEntriesRequest.ByOneofCase.Digest => (LookupKind.Digest, Lookups.Digest("digest", request.Digest)),
        FindEntriesRequest.ByOneofCase.IdempotencyKey => (LookupKind.IdempotencyKey, Lookups.IdempotencyKey("idempotency_key", request.IdempotencyKey)),
        _ => throw BadRequest.Of("by", "is missing: give document_id, digest or idempotency_key"),
    };

    private static long SizeOf(string field, long asked, SealLedger ledger)
    {
        var size = ledger.Head.TreeSize;
        return asked < 0 ? throw BadRequest.Of(field, "is negative")
            : asked > size ? throw OutOfRange($"{field} {asked} is beyond the ledger's size {size}.")
            : asked == 0 ? size : asked;
    }

    private static RpcException OutOfRange(string message) => new(new Status(StatusCode.OutOfRange, message));
}
