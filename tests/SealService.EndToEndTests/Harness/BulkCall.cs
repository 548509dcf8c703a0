using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;

namespace SealService.EndToEndTests.Harness;

/// <summary>One SealDocuments call, message by message.</summary>
internal sealed class BulkCall : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly AsyncDuplexStreamingCall<SealDocumentsRequest, SealDocumentsResponse> _call;

    public BulkCall(RealServer server)
    {
        _channel = GrpcChannel.ForAddress(server.Url);
        _call = new Sealing.SealingClient(_channel).SealDocuments(deadline: DateTime.UtcNow.AddSeconds(30), cancellationToken: TestContext.Current.CancellationToken);
    }

    public Task SendAsync(SealDocumentsRequest request) => _call.RequestStream.WriteAsync(request);

    public Task FullReceiptsAsync(string ledger = "") =>
        SendAsync(new SealDocumentsRequest { Options = new StreamOptions { Ledger = ledger, ReceiptForm = ReceiptForm.Full } });

    public Task WholeAsync(ulong reference, byte[] content, string key = "", string id = "") => SendAsync(new SealDocumentsRequest
    {
        Ref = reference,
        Whole = new WholeDocument { Header = new DocumentHeader { IdempotencyKey = key, DocumentId = id }, Content = ByteString.CopyFrom(content) },
    });

    public Task BeginAsync(ulong reference) => SendAsync(new SealDocumentsRequest { Ref = reference, Begin = new DocumentHeader() });

    public Task ChunkAsync(ulong reference, byte[] content) => SendAsync(new SealDocumentsRequest { Ref = reference, Chunk = ByteString.CopyFrom(content) });

    public Task EndAsync(ulong reference) => SendAsync(new SealDocumentsRequest { Ref = reference, End = new EndOfDocument() });

    /// <summary>Ends the requests and reads every answer.</summary>
    public async Task<List<SealDocumentsResponse>> FinishAsync()
    {
        await _call.RequestStream.CompleteAsync();
        return await ReadAllAsync();
    }

    public async Task<List<SealDocumentsResponse>> ReadAllAsync()
    {
        var answers = new List<SealDocumentsResponse>();
        await foreach (var answer in _call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            answers.Add(answer);
        }

        return answers;
    }

    public async Task<SealDocumentsResponse> ReadOneAsync()
    {
        Assert.True(await _call.ResponseStream.MoveNext(TestContext.Current.CancellationToken), "The stream ended.");
        return _call.ResponseStream.Current;
    }

    public void Dispose()
    {
        _call.Dispose();
        _channel.Dispose();
    }
}
