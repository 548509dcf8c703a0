using System.Runtime.CompilerServices;
using System.Text;
using Grpc.Core;
using SealService.Client;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Client.BulkRuns;
using Part = Seal.V1.SealDocumentsRequest.PartOneofCase;

namespace SealService.Tests.Client;

/// <summary>Bulk runs in which all goes well.</summary>
public sealed class BulkSealTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task SealAll_ManySizes_GivesEachDocumentAReceiptThatVerifies(int connections)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient(connections);
        var documents = Enumerable.Range(0, 300).Select(Document).ToList();

        var results = await SealAllAsync(client, documents);

        Assert.Equal(300, results.Count);
        var verifier = new ReceiptVerifier([server.Ledger.Key]);
        Assert.Equal(300, results.DistinctBy(result => result.Document).Count());
        foreach (var result in results)
        {
            Assert.True(result.IsSealed, result.Failure?.Message);
            var content = Content(result.Document.Name);
            var report = verifier.Verify(result.Receipt, Sha256.HashData(content), content.Length);
            Assert.True(report.IsValid, report.FirstFailure?.Detail);
        }
    }

    [Fact]
    public async Task SealAll_BigDocuments_GoInTurnWithSmallOnesBetween()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [Sized("big", 5000), Sized("other", 5000), Sized("small", 10)]);

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        var messages = server.Sealing.Messages.ToList();
        var bigRef = messages.First(m => m.DocumentId == "big").Reference;
        var otherRef = messages.First(m => m.DocumentId == "other").Reference;
        var smallAt = messages.FindIndex(m => m.DocumentId == "small");
        Assert.True(smallAt < messages.FindIndex(m => m.Reference == bigRef && m.Part == Part.End));
        Assert.True(messages.FindIndex(m => m.Reference == otherRef && m.Part == Part.Chunk) < messages.FindIndex(m => m.Reference == bigRef && m.Part == Part.End));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(100, false)]
    public async Task SealAll_SizeAtTheLimit_DecidesTheForm(int size, bool isWhole)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        var result = await client.SealAsync(Sized("one", size), Options, Cancellation);

        Assert.True(result.IsSealed, result.Failure?.Message);
        Assert.Equal(size, result.SizeBytes);
        Assert.Contains(server.Sealing.Messages, message => message.Part == (isWhole ? Part.Whole : Part.Begin));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(500)]
    public async Task SealAll_NotTheExpectedDigest_IsNotSealed(int size)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var document = Sized("one", size) with { ExpectedDigest = Sha256.HashData("something else"u8) };

        var result = await client.SealAsync(document, Options, Cancellation);

        Assert.Equal(StatusCode.InvalidArgument, result.Failure?.Code);
        Assert.Equal(0, EntriesWithKey(server.Ledger));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(500)]
    public async Task SealAll_DerivedKey_FollowsFromTheDigest(int size)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var document = Sized("one", size) with { DeriveIdempotencyKey = digest => $"key of {digest}" };

        var first = await client.SealAsync(document, Options, Cancellation);
        var second = await client.SealAsync(document, Options, Cancellation);

        Assert.False(first.AlreadySealed);
        Assert.True(second.AlreadySealed);
        Assert.Equal(first.Receipt!.Index, second.Receipt!.Index);
        Assert.True(EntryDetails.TryRead(first.Receipt.Entry.Span, out var entry, out _));
        Assert.Equal(Sha256.HashData(Encoding.UTF8.GetBytes($"key of {first.Digest}")), entry.IdempotencyKeySha256);
    }

    [Fact]
    public async Task SealAll_KeyUsedForOtherContent_Fails()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        await client.SealAsync(Sized("one", 10) with { IdempotencyKey = "k" }, Options, Cancellation);
        var second = await client.SealAsync(Sized("two", 11) with { IdempotencyKey = "k" }, Options, Cancellation);

        Assert.Equal(StatusCode.AlreadyExists, second.Failure?.Code);
    }

    [Fact]
    public async Task SealAll_NarrowWindow_SealsEverything()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.BatchSize = 1;
        await using var client = server.CreateClient(connections: 2);
        var options = Options with { OutstandingDocumentsMax = 1, OutstandingBytesMax = 1, InterleavedDocumentsMax = 1 };

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 60).Select(Document)], options);

        Assert.Equal(60, results.Count(result => result.IsSealed));
    }

    [Fact]
    public async Task SealAll_NoDocuments_EndsWithoutAStream()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        Assert.Empty(await SealAllAsync(client, []));
        Assert.Equal(0, server.Sealing.Streams);
    }

    [Fact]
    public async Task SealAll_CallerLeavesMidway_StopsThePump()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var stopped = new TaskCompletionSource();

        await foreach (var result in client.SealAllAsync(Endless(Cancellation), Options, Cancellation))
        {
            Assert.True(result.IsSealed, result.Failure?.Message);
            break;
        }

        await stopped.Task.WaitAsync(Cancellation);

        async IAsyncEnumerable<DocumentToSeal> Endless([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            try
            {
                for (var i = 0; !cancellationToken.IsCancellationRequested; i++)
                {
                    await Task.Yield();
                    yield return Document(i);
                }
            }
            finally
            {
                stopped.SetResult();
            }
        }
    }
}
