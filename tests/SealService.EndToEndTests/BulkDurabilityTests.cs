using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;
using SealService.Client;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>What was acknowledged is in the ledger for ever, whatever happens to the process; what is sent again is not sealed again.</summary>
public sealed class BulkDurabilityTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private const int DocumentCount = 20_000;

    [Fact]
    public async Task KillInTheMiddleOfABulkStream_LosesNothingAcknowledged_AndResendingSealsEachOnce()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();

        // Killed when a quarter has been answered, with the rest on its way.
        var acknowledged = new ConcurrentDictionary<int, Receipt>();
        await Assert.ThrowsAnyAsync<Exception>(() => SendAllAsync(server, acknowledged, () =>
        {
            if (acknowledged.Count >= DocumentCount / 4)
            {
                server.Kill();
            }
        }));
        Assert.InRange(acknowledged.Count, DocumentCount / 4, DocumentCount - 1);

        await server.StartAsync();
        var verifier = await ServerKeys.CreateVerifierAsync(server);
        using (var channel = GrpcChannel.ForAddress(server.Url))
        {
            var client = new Sealing.SealingClient(channel);
            foreach (var (number, receipt) in acknowledged)
            {
                verifier.AssertValid(receipt, TestDocuments.Make(number));
            }

            // The ledger itself agrees, for a sample (each is one call).
            foreach (var (number, receipt) in acknowledged.Where(a => a.Key % 50 == 0))
            {
                var found = await client.GetReceiptAsync(new GetReceiptRequest { Index = receipt.Index }, cancellationToken: TestContext.Current.CancellationToken);
                Assert.Equal(receipt.Entry, found.Receipt.Entry);
                verifier.AssertValid(found.Receipt, TestDocuments.Make(number));
            }
        }

        // Everything again under the same keys.
        var second = new ConcurrentDictionary<int, Receipt>();
        await SendAllAsync(server, second, () => { });
        Assert.Equal(DocumentCount, second.Count);
        foreach (var (number, receipt) in acknowledged)
        {
            Assert.Equal(receipt.Index, second[number].Index);
            Assert.Equal(receipt.Entry, second[number].Entry);
        }

        Assert.Equal(DocumentCount, (await LedgerEntries.ReadAllAsync(server)).Count);
        Assert.Equal(DocumentCount, second.Values.Select(r => r.Index).Distinct().Count());
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task FullAndCompactReceipts_ProveTheSame()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        var verifier = await ServerKeys.CreateVerifierAsync(server);
        var receipts = await TestDocuments.SealAsync(server, 500);

        // The same documents without keys: new entries, compact answers, expanded by the client library without another request.
        await using var client = new SealClient(new SealClientOptions { Address = new Uri(server.Url), TrustedKeys = [verifier.Key] });
        var documents = Enumerable.Range(0, 500).Select(i => DocumentToSeal.FromBytes($"{i}", TestDocuments.Make(i))).ToAsyncEnumerable();
        using var channel = GrpcChannel.ForAddress(server.Url);
        var sealing = new Sealing.SealingClient(channel);
        var count = 0;
        await foreach (var result in client.SealAllAsync(documents, cancellationToken: TestContext.Current.CancellationToken))
        {
            count++;
            var number = int.Parse(result.Document.Name, System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(result.IsSealed, result.Failure?.Message);
            verifier.AssertValid(result.Receipt!, TestDocuments.Make(number));

            // What the server itself says of this entry, in full, and of the one that was sealed in full before.
            var full = (await sealing.GetReceiptAsync(new GetReceiptRequest { Index = result.Receipt!.Index }, cancellationToken: TestContext.Current.CancellationToken)).Receipt;
            Assert.Equal(full.Entry.ToByteArray(), result.Receipt.Entry.ToArray());
            Assert.Equal(LogEntry.Parser.ParseFrom(receipts[number].Entry).Digest, LogEntry.Parser.ParseFrom(full.Entry).Digest);
        }

        Assert.Equal(500, count);
    }

    [Fact]
    public async Task Sigterm_FinishesWhatWasAccepted_AndExitsWithZero()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        var acknowledged = new ConcurrentDictionary<int, Receipt>();
        var stopped = false;
        var ended = await Record.ExceptionAsync(() => SendAllAsync(server, acknowledged, () =>
        {
            if (acknowledged.Count >= 2000 && !stopped)
            {
                stopped = true;
                server.Signal("TERM");
            }
        }));
        Assert.Equal(0, await server.WaitForExitAsync());
        Assert.True(ended is RpcException { StatusCode: StatusCode.Unavailable }, ended?.ToString() ?? "the stream ended as if all had been sealed");

        await server.StartAsync();
        var verifier = await ServerKeys.CreateVerifierAsync(server);
        foreach (var (number, receipt) in acknowledged)
        {
            verifier.AssertValid(receipt, TestDocuments.Make(number));
        }

        // Every accepted document was answered: nothing is in the ledger that no one was told of.
        Assert.Equal(acknowledged.Count, (await LedgerEntries.ReadAllAsync(server)).Count);
    }

    [Fact]
    public async Task Sigterm_WithIdleCallsOfEveryKind_EndsThemWithoutTheDrainTimeout()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Url);
        var cancellation = TestContext.Current.CancellationToken;
        using var one = new Sealing.SealingClient(channel).SealDocument(cancellationToken: cancellation);
        await one.RequestStream.WriteAsync(new SealDocumentRequest { Header = new SealDocumentHeader() }, cancellation);
        using var bulk = new Sealing.SealingClient(channel).SealDocuments(cancellationToken: cancellation);
        await bulk.RequestStream.WriteAsync(TestDocuments.Whole(1), cancellation);
        using var digests = new Sealing.SealingClient(channel).SealDigests(cancellationToken: cancellation);
        await digests.RequestStream.WriteAsync(
            new SealDigestsRequest { Algorithm = DigestAlgorithm.Sha256, Digests = Google.Protobuf.ByteString.CopyFrom(new byte[32]) }, cancellation);
        using var verify = new Verification.VerificationClient(channel).VerifyReceipts(cancellationToken: cancellation);
        using var watch = new Seal.V1.Ledger.LedgerClient(channel).WatchCheckpoints(new WatchCheckpointsRequest(), cancellationToken: cancellation);

        // Each is known to be running before the signal.
        Assert.True(await bulk.ResponseStream.MoveNext(cancellation));
        Assert.True(await digests.ResponseStream.MoveNext(cancellation));
        Assert.True(await watch.ResponseStream.MoveNext(cancellation));

        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain("did not end within", server.Log, StringComparison.Ordinal);
        foreach (var ended in new Func<Task>[] { () => one.ResponseAsync, () => bulk.ResponseStream.MoveNext(cancellation), () => digests.ResponseStream.MoveNext(cancellation) })
        {
            var status = (await Assert.ThrowsAsync<RpcException>(ended)).Status;
            Assert.True(status.StatusCode == StatusCode.Unavailable, status.ToString());
        }
    }

    private static async Task SendAllAsync(RealServer server, ConcurrentDictionary<int, Receipt> receipts, Action afterAnswer)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        var client = new Sealing.SealingClient(channel);
        using var call = client.SealDocuments(deadline: DateTime.UtcNow.AddMinutes(3), cancellationToken: TestContext.Current.CancellationToken);
        var reading = Task.Run(async () =>
        {
            await foreach (var answer in call.ResponseStream.ReadAllAsync())
            {
                if (answer.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Failed && answer.Failed.Code == (int)StatusCode.Unavailable)
                {
                    continue;
                }

                Assert.True(answer.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Sealed, answer.ToString());
                Assert.True(receipts.TryAdd((int)answer.Sealed.Ref, answer.Sealed.Receipt), $"document {answer.Sealed.Ref} was answered twice");
                afterAnswer();
            }
        });
        try
        {
            await call.RequestStream.WriteAsync(new SealDocumentsRequest { Options = new StreamOptions { ReceiptForm = ReceiptForm.Full } });
            for (var i = 0; i < DocumentCount; i++)
            {
                await call.RequestStream.WriteAsync(TestDocuments.Whole(i));
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // The answers' side says how the call ended.
        }

        await reading;
    }
}
