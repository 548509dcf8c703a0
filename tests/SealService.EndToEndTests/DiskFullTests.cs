using System.Collections.Concurrent;
using System.Globalization;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>
/// A disk that is really full (ENOSPC), without the reserve of <c>DiskFreeMinMib</c>: a ledger on a tmpfs of its own. Mounting one takes root; without it the
/// test is skipped, and says so.
/// </summary>
public sealed class DiskFullTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private const int DiskMib = 12;
    private const int DocumentCount = 200_000; // more than there is room for
    private const int StateUnknown = 70;

    private readonly ConcurrentDictionary<int, Receipt> _acknowledged = new();

    [Fact]
    public async Task DiskRunsFull_NothingAcknowledgedIsLost_AndSealingGoesOnWhenThereIsRoom()
    {
        var disk = Directory.CreateTempSubdirectory("seal-disk-").FullName;
        var mounted = await Repository.RunAsync("mount", ["-t", "tmpfs", "-o", Size(DiskMib), "tmpfs", disk]);
        Assert.SkipUnless(mounted.ExitCode == 0, $"A tmpfs can't be mounted here: {mounted.Error.Trim()}");
        try
        {
            await using var server = new RealServer(hsm, settings: new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Seal__Ledgers__0__Folder"] = Path.Combine(disk, "ledger"),
                ["Seal__Ledgers__0__DiskFreeMinMib"] = "0",
                ["Seal__Ledgers__0__IndexKeysInMemoryMax"] = "1024", // the index writes early
            });
            await server.StartAsync();
            var refusal = await SealUntilRefusedAsync(server);

            // A batch that has no room is refused, and the server lives. Where the disk ends between that check and what is written (the record,
            // or index and hashes behind it), the state is unknown, and it ends by itself.
            var exitCode = await server.StopAsync();
            if (exitCode == StateUnknown)
            {
                Assert.Contains(refusal, new[] { StatusCode.Aborted, StatusCode.Unavailable, StatusCode.ResourceExhausted });
                Assert.Contains("The ledger's state is unknown", server.Log, StringComparison.Ordinal);
            }
            else
            {
                Assert.True(exitCode == 0 && refusal == StatusCode.ResourceExhausted, $"exit code {exitCode}, {refusal}\n{server.Log}");
            }

            Assert.Equal(0, (await Repository.RunAsync("mount", ["-o", $"remount,{Size(8 * DiskMib)}", disk])).ExitCode);
            await server.StartAsync();
            var verifier = await ServerKeys.CreateVerifierAsync(server);
            var entries = await LedgerEntries.ReadAllAsync(server);
            foreach (var (number, receipt) in _acknowledged)
            {
                Assert.Equal(entries[(int)receipt.Index], receipt.Entry);
                verifier.AssertValid(receipt, TestDocuments.Make(number));
            }

            using var call = new BulkCall(server);
            await call.FullReceiptsAsync();
            await call.WholeAsync(1, [1]);
            verifier.AssertValid(Assert.Single(await call.FinishAsync()).Sealed.Receipt, [1]);
            Assert.Equal(0, await server.StopAsync());
        }
        finally
        {
            await Repository.RunAsync("umount", ["--lazy", disk]);
            Directory.Delete(disk);
        }
    }

    private static string Size(int mib) => string.Create(CultureInfo.InvariantCulture, $"size={mib}m");

    /// <summary>How the stream ended, or what the first document was refused with.</summary>
    private async Task<StatusCode> SealUntilRefusedAsync(RealServer server)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        using var call = new Sealing.SealingClient(channel).SealDocuments(cancellationToken: TestContext.Current.CancellationToken);
        var sending = Task.Run(async () =>
        {
            await call.RequestStream.WriteAsync(new SealDocumentsRequest { Options = new StreamOptions { ReceiptForm = ReceiptForm.Full } });
            for (var i = 0; i < DocumentCount; i++)
            {
                await call.RequestStream.WriteAsync(TestDocuments.Whole(i));
            }

            await call.RequestStream.CompleteAsync();
        });
        StatusCode? refusal = null;
        try
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
                var answer = call.ResponseStream.Current;
                if (answer.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Failed)
                {
                    refusal ??= (StatusCode)answer.Failed.Code;
                    continue;
                }

                Assert.True(_acknowledged.TryAdd((int)answer.Sealed.Ref, answer.Sealed.Receipt));
            }
        }
        catch (RpcException e)
        {
            refusal ??= e.StatusCode;
        }

        await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return refusal ?? StatusCode.OK;
    }
}
