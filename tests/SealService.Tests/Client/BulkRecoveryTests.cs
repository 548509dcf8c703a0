using Grpc.Core;
using SealService.Client;
using Xunit;
using static SealService.Tests.Client.BulkRuns;
using Part = Seal.V1.SealDocumentsRequest.PartOneofCase;

namespace SealService.Tests.Client;

/// <summary>Bulk runs that meet broken streams, restarts, refusals and documents that can't be read.</summary>
public sealed class BulkRecoveryTests
{
    [Fact]
    public async Task SealAll_StreamsBreakWithAnswersLost_SealsEachDocumentOnce()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.BreakAfterBatches = 2;
        server.Sealing.BreaksMax = 3;
        await using var client = server.CreateClient(connections: 2);
        var documents = Enumerable.Range(0, 200).Select(Document).ToList();

        var results = await SealAllAsync(client, documents);

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        Assert.Equal(200, results.DistinctBy(result => result.Receipt!.Index).Count());
        Assert.Contains(results, result => result.AlreadySealed);
        Assert.Equal(200, EntriesWithKey(server.Ledger));
        Assert.True(server.Sealing.Streams > 2);
    }

    [Fact]
    public async Task SealAll_ServerRestarts_GoesOnWithTheNewOne()
    {
        var first = await FakeSealServer.StartAsync();
        await using var client = first.CreateClient();
        FakeSealServer? second = null;
        var results = new List<SealResult>();

        await foreach (var result in client.SealAllAsync(Documents(), Options, Cancellation))
        {
            results.Add(result);
        }

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        Assert.Equal(40, results.Count);
        Assert.Equal(40, EntriesWithKey(first.Ledger));
        Assert.Equal(1, second!.Sealing.Streams);
        await second.DisposeAsync();

        async IAsyncEnumerable<DocumentToSeal> Documents()
        {
            for (var i = 0; i < 40; i++)
            {
                if (i == 20)
                {
                    await first.DisposeAsync();
                    second = await FakeSealServer.StartAsync(first.Ledger, first.Address.Port);
                }

                yield return Document(i);
            }
        }
    }

    [Fact]
    public async Task SealAll_ServerNeverComesBack_GivesUpWithUnavailable()
    {
        var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        await server.DisposeAsync();

        var options = Options with { GiveUpAfter = TimeSpan.FromMilliseconds(20) };
        var exception = await Assert.ThrowsAsync<RpcException>(() => client.SealAsync(Document(1), options, Cancellation));

        Assert.Equal(StatusCode.Unavailable, exception.StatusCode);
    }

    [Fact]
    public async Task SealAll_DocumentUnavailableForAWhile_IsSentAgainUnderItsKey()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.Failures["7"] = (StatusCode.Unavailable, 3);
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 10).Select(Document)]);

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        Assert.Equal(4, server.Sealing.Messages.Count(message => message.DocumentId == "7"));
        Assert.Equal(10, EntriesWithKey(server.Ledger));
    }

    [Fact]
    public async Task SealAll_DocumentUnavailableForGood_FailsAfterItsResends()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.Failures["7"] = (StatusCode.Unavailable, int.MaxValue);
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 10).Select(Document)], Options with { ResendsMax = 2 });

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal("7", failed.Document.DocumentId);
        Assert.Equal(StatusCode.Unavailable, failed.Failure!.Code);
        Assert.Equal(3, server.Sealing.Messages.Count(message => message.DocumentId == "7"));
    }

    [Fact]
    public async Task SealAll_DocumentRejected_FailsAloneAndAtOnce()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.Failures["3"] = (StatusCode.ResourceExhausted, int.MaxValue);
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 10).Select(Document)]);

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal((SealFailureReason.Rejected, StatusCode.ResourceExhausted, "told to fail 3"), (failed.Failure!.Reason, failed.Failure.Code, failed.Failure.Message));
    }

    [Fact]
    public async Task SealAll_FileThatIsNotThere_FailsAloneAndIsNotSent()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [Document(1), DocumentToSeal.FromFile("/not/there"), Document(2)]);

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal(SealFailureReason.Unreadable, failed.Failure!.Reason);
        Assert.Equal(2, EntriesWithKey(server.Ledger));
    }

    [Fact]
    public async Task SealAll_ContentThatBreaksOffMidway_IsAbandoned()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var broken = DocumentToSeal.FromStream("broken", () => new BreakingStream(goodBytes: 200)) with { DocumentId = "broken" };

        var results = await SealAllAsync(client, [broken, Document(1)]);

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal(SealFailureReason.Unreadable, failed.Failure!.Reason);
        Assert.Contains(server.Sealing.Messages, message => message.Part == Part.Abandon);
        Assert.Equal(1, EntriesWithKey(server.Ledger));
    }

    [Fact]
    public async Task SealAll_SourceFails_GivesTheCallerItsException()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var _ in client.SealAllAsync(Failing(), Options, Cancellation))
            {
            }
        });

        static async IAsyncEnumerable<DocumentToSeal> Failing()
        {
            await Task.Yield();
            yield return Document(1);
            throw new InvalidDataException("the source is broken");
        }
    }

    private sealed class BreakingStream(int goodBytes) : MemoryStream
    {
        private int _left = goodBytes;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left == 0)
            {
                throw new IOException("the disk is broken");
            }

            var read = Math.Min(_left, buffer.Length);
            _left -= read;
            buffer.Span[..read].Clear();
            return new ValueTask<int>(read);
        }
    }
}
