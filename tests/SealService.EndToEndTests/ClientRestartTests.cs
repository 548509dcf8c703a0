using SealService.Client;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>A bulk upload by the client library survives the server being restarted under it, and ends with each document sealed once.</summary>
public sealed class ClientRestartTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private const int DocumentCount = 20_000;
    private const int ConnectionCount = 3;

    [Theory]
    [InlineData(true)] // SIGKILL
    [InlineData(false)] // SIGTERM
    public async Task BulkUpload_ServerRestartsUnderIt_SealsEachDocumentOnce(bool kill)
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        var verifier = await ServerKeys.CreateVerifierAsync(server);
        await using var client = new SealClient(new SealClientOptions { Address = new Uri(server.Url), TrustedKeys = [verifier.Key], Connections = ConnectionCount });

        Task? restarting = null;
        var documents = Enumerable.Range(0, DocumentCount)
            .Select(i => DocumentToSeal.FromBytes($"{i}", TestDocuments.Make(i)) with { Tag = i, IdempotencyKey = TestDocuments.KeyOf(i) }).ToAsyncEnumerable();
        var results = new Dictionary<int, SealResult>();
        await foreach (var result in client.SealAllAsync(documents, cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.True(result.IsSealed, result.Failure?.Message);
            results.Add((int)result.Document.Tag!, result);
            if (results.Count == DocumentCount / 4)
            {
                restarting = RestartAsync(server, kill);
            }
        }

        Assert.NotNull(restarting);
        await restarting;
        var entries = await LedgerEntries.ReadAllAsync(server);
        Assert.Equal(DocumentCount, results.Count);
        Assert.Equal(DocumentCount, entries.Count);
        Assert.Equal(DocumentCount, results.Values.Select(r => r.Receipt!.Index).Distinct().Count());
        foreach (var (number, result) in results)
        {
            verifier.AssertValid(result.Receipt!, TestDocuments.Make(number));
            Assert.Equal(entries[(int)result.Receipt!.Index].ToByteArray(), result.Receipt.Entry.ToArray());
        }

        Assert.Equal(0, await server.StopAsync());
    }

    private static async Task RestartAsync(RealServer server, bool kill)
    {
        if (kill)
        {
            server.Kill();
        }
        else
        {
            Assert.Equal(0, await server.StopAsync());
        }

        await server.StartAsync();
    }
}
