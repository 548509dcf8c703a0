using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>An HSM that is slow or fails, and a disk that is nearly full: callers are told what to do, nothing is lost, and the server gets over it.</summary>
public sealed class HsmAndDiskTroubleTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    [Fact]
    public async Task FailingHsm_SealsNothing_SaysUnavailable_AndRecoversWithoutARestart()
    {
        var control = Path.Combine(hsm.Folder, "control-" + Guid.NewGuid());
        await using var server = await StartWithSimulatorAsync(control);
        await TestDocuments.SealAsync(server, 10);

        // CKR_DEVICE_ERROR for every signature.
        WriteControl(control, "fail C_Sign 0x30\n");
        var refused = await Assert.ThrowsAsync<RpcException>(() => SealOneAsync(server));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        var size = await TreeSizeAsync(server);
        Assert.Equal(10, size); // nothing was sealed behind the refusal

        WriteControl(control, "\n");
        Receipt? receipt = null;
        for (var i = 0; i < 300 && receipt is null; i++)
        {
            try
            {
                receipt = await SealOneAsync(server);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken); // the breaker looks again in its own time
            }
        }

        Assert.NotNull(receipt);
        Assert.Equal(10, receipt.Index);
        (await ServerKeys.CreateVerifierAsync(server)).AssertValid(receipt, "one"u8.ToArray());
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task LostSessions_AreInvisibleToCallers()
    {
        var control = Path.Combine(hsm.Folder, "control-" + Guid.NewGuid());
        await using var server = await StartWithSimulatorAsync(control);
        WriteControl(control, "fail C_Sign 0xB3 count 1\n"); // CKR_SESSION_HANDLE_INVALID once
        Assert.Equal(5, (await TestDocuments.SealAsync(server, 5)).Count);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task SlowHsm_MakesBatchesLarger_NotCallersFewer()
    {
        var control = Path.Combine(hsm.Folder, "control-" + Guid.NewGuid());
        await using var server = await StartWithSimulatorAsync(control);
        WriteControl(control, "sign-latency-ms 200\n");
        var receipts = await TestDocuments.SealAsync(server, 2000);
        var signatures = receipts.Values.Select(r => r.Checkpoint).Distinct().Count();
        Assert.InRange(signatures, 1, 200);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task DiskBelowItsMinimum_RefusesDocuments_AndStillReads()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        await TestDocuments.SealAsync(server, 3);
        Assert.Equal(0, await server.StopAsync());

        await using var full = new RealServer(hsm, Directory.CreateTempSubdirectory("seal-data-").FullName, new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Seal__Ledgers__0__Folder"] = Path.Combine(server.DataFolder, "ledger"),
            ["Seal__Ledgers__0__DiskFreeMinMib"] = "1000000",
        });
        await full.StartAsync();
        var refused = await Assert.ThrowsAsync<RpcException>(() => SealOneAsync(full));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.Equal(3, await TreeSizeAsync(full));
        Assert.Equal(0, await full.StopAsync());
    }

    private static void WriteControl(string control, string text)
    {
        File.WriteAllText(control + ".new", text);
        File.Move(control + ".new", control, overwrite: true);
    }

    private static async Task<Receipt> SealOneAsync(RealServer server)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        using var call = new Sealing.SealingClient(channel).SealDocument(deadline: DateTime.UtcNow.AddSeconds(30));
        await call.RequestStream.WriteAsync(new SealDocumentRequest { Header = new SealDocumentHeader() });
        await call.RequestStream.WriteAsync(new SealDocumentRequest { Chunk = Google.Protobuf.ByteString.CopyFromUtf8("one") });
        await call.RequestStream.CompleteAsync();
        return (await call.ResponseAsync).Receipt;
    }

    private static async Task<long> TreeSizeAsync(RealServer server)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        return (await new Seal.V1.Ledger.LedgerClient(channel).GetCheckpointAsync(new GetCheckpointRequest())).Checkpoint.TreeSize;
    }

    private async Task<RealServer> StartWithSimulatorAsync(string control)
    {
        var built = await Repository.RunAsync(Repository.PathOf("hsm-sim", "build.sh"), [hsm.Folder]);
        Assert.True(built.ExitCode == 0, built.All);
        WriteControl(control, "\n");
        var server = new RealServer(hsm, settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Seal__Hsm__Module"] = Path.Combine(hsm.Folder, "seal-hsm-sim.so"),
            ["Seal__Hsm__ReinitializeInterval"] = "00:00:01",
            ["SEAL_HSM_SIM_MODULE"] = hsm.Module,
            ["SEAL_HSM_SIM_CONTROL"] = control,
        });
        await server.StartAsync();
        return server;
    }
}
