using System.Buffers;
using Grpc.Core;
using Grpc.Server;
using Seal.V1;
using SealService.Configuration;
using SealService.Hosting;
using SealService.Ledger;
using SealService.Services.Sealing;
using SealService.Wire;

namespace SealService.Services;

/// <summary>
/// Implements <c>seal.v1.Sealing</c>. The methods that carry documents are bound to the transport's buffers (<see cref="Bind"/>); each call
/// of one is an object of its own in <c>Services/Sealing</c>.
/// </summary>
internal sealed class SealingService(LedgerDirectory ledgers, LimitOptions limits, ServerDrain drain) : Seal.V1.Sealing.SealingBase
{
    /// <summary>Adds the service's methods to a server.</summary>
    public void Bind(GrpcServerBuilder server) => server
        .AddService(Seal.V1.Sealing.BindService(this))
        .Replace(RawMethods.SealDocument, SealDocumentAsync)
        .Replace(RawMethods.SealDocuments, SealDocumentsAsync)
        .Replace(RawMethods.SealDigests, SealDigestsAsync);

    public override async Task<GetReceiptResponse> GetReceipt(GetReceiptRequest request, ServerCallContext context)
    {
        var ledger = ledgers.Get(request.Ledger).Ledger;
        var index = request.EntryCase switch
        {
            GetReceiptRequest.EntryOneofCase.Index => CheckIndex(request.Index, ledger),
            GetReceiptRequest.EntryOneofCase.DocumentId =>
                await FindNewestAsync(ledger, LookupKind.DocumentId, Lookups.DocumentId("document_id", request.DocumentId), "document_id", context.CancellationToken),
            GetReceiptRequest.EntryOneofCase.Digest =>
                await FindNewestAsync(ledger, LookupKind.Digest, Lookups.Digest("digest", request.Digest), "digest", context.CancellationToken),
            _ => throw BadRequest.Of("entry", "is missing: give index, document_id or digest"),
        };
        return new GetReceiptResponse { Receipt = (await ledger.ReadReceiptAsync(index, context.CancellationToken)).ToMessage() };
    }

    private static long CheckIndex(long index, SealLedger ledger) =>
        index < 0 ? throw BadRequest.Of("index", "is negative")
        : index >= ledger.Head.TreeSize ? throw NotFound($"index: there is no entry {index}; the ledger has {ledger.Head.TreeSize}.")
        : index;

    private static async Task<long> FindNewestAsync(SealLedger ledger, LookupKind kind, ReadOnlyMemory<byte> value, string field, CancellationToken cancellationToken)
    {
        var page = await ledger.FindAsync(kind, value, 1, long.MaxValue, cancellationToken).Mapped();
        return page.Entries.Count > 0 ? page.Entries[0].Index : throw NotFound($"{field}: there is no entry with it.");
    }

    private static RpcException NotFound(string message) => new(new Status(StatusCode.NotFound, message));

    private Task<SealDocumentAnswer> SealDocumentAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerCallContext context) =>
        new SealDocumentCall(ledgers, limits, drain, requests).RunAsync(context.CancellationToken);

    private async Task SealDocumentsAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<SealingAnswer> responses, ServerCallContext context)
    {
        var loop = new SealingLoop(requests, context.CancellationToken, drain.Token) { PausesAfterEach = IsCompressed(context) };
        using var call = new SealDocumentsCall(ledgers, limits, loop, responses, context.CancellationToken);
        await call.RunAsync();
    }

    // A stream that announces an encoding may compress any of its messages.
    private static bool IsCompressed(ServerCallContext context) => context.GetHttpContext().Request.Headers["grpc-encoding"] is { Count: > 0 } encoding && encoding != "identity";

    private async Task SealDigestsAsync(ServerStreamReader<ReadOnlySequence<byte>> requests, ServerStreamWriter<SealingAnswer> responses, ServerCallContext context)
    {
        var loop = new SealingLoop(requests, context.CancellationToken, drain.Token) { PausesAfterEach = true };
        using var call = new SealDigestsCall(ledgers, limits, loop, responses, context.CancellationToken);
        await call.RunAsync();
    }
}
