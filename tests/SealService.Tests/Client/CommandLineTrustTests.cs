using Xunit;

namespace SealService.Tests.Client;

/// <summary>Which keys the seal command goes by: those given, those met before, or none.</summary>
public sealed class CommandLineTrustTests : CommandLineTest
{
    [Fact]
    public async Task Seal_WithoutKey_TrustsTheFirstAndNoOtherAfterwards()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var impostor = await FakeSealServer.StartAsync(new FakeLedger(server.Ledger.Origin));
        var path = Folder.Write("a.txt", "x");

        var first = await RunAsync(server, "seal", path);
        Assert.Equal(0, first.ExitCode);
        Assert.Contains("for the first time", first.Error, StringComparison.Ordinal);
        Assert.StartsWith(server.Ledger.Key.ToString(), File.ReadAllText(Folder["config/known-keys"]), StringComparison.Ordinal);

        var second = await RunAsync(impostor, "seal", Folder.Write("b.txt", "y"), "--json");
        Assert.Equal(1, second.ExitCode);
        Assert.Equal("INVALID_ANSWER", second.Json()[^1].Text("code"));
        Assert.False(File.Exists(Folder["b.txt.tlog-proof"]));

        var nothingToDo = await RunAsync(impostor, "seal", path, "--json");
        Assert.Equal(1, nothingToDo.ExitCode);
        Assert.Equal("INVALID_ANSWER", nothingToDo.Json()[^1].Text("code"));
    }

    [Fact]
    public async Task Read_LedgerThatWasNeverMet_OnlyItsStatus()
    {
        await using var met = await FakeSealServer.StartAsync();
        await using var other = await FakeSealServer.StartAsync(new FakeLedger("other.example/ledger"));
        var path = Folder.Write("a.txt", "x");
        Assert.Equal(0, (await RunAsync(met, "seal", path)).ExitCode);
        Assert.Equal(0, (await RunAsync(other, "seal", path, "--receipts", Folder["r"], "--key", other.Ledger.Key.ToString())).ExitCode);

        Assert.Contains("Signed by a trusted key", (await RunAsync(met, "status")).Output, StringComparison.Ordinal);
        var status = await RunAsync(other, "status");
        Assert.Equal(0, status.ExitCode);
        Assert.Contains("The signature was not checked", status.Output, StringComparison.Ordinal);
        var checkpoint = await RunAsync(other, "log", "checkpoint");
        Assert.Equal(1, checkpoint.ExitCode);
        Assert.Contains("none is for this ledger, 'other.example/ledger'. Give its key with --key", checkpoint.Error, StringComparison.Ordinal);
        Assert.Empty(checkpoint.Output);
        Assert.Equal(0, (await RunAsync(met, "log", "checkpoint")).ExitCode);
    }

    [Fact]
    public async Task Seal_NoHomeFolder_NeedsAKey()
    {
        await using var server = await FakeSealServer.StartAsync();
        var path = Folder.Write("a.txt", "x");
        Variables.Remove("SEAL_KNOWN_KEYS");
        Variables["XDG_CONFIG_HOME"] = "relative";
        HomeFolder = "";

        foreach (var run in new[] { await RunAsync(server, "seal", path), await RunAsync(null, "verify", path, "--trust-on-first-use") })
        {
            Assert.Equal(2, run.ExitCode);
            Assert.Contains("There is no home folder to keep trusted keys in: set SEAL_KNOWN_KEYS, or give --key.", run.Error, StringComparison.Ordinal);
        }

        Assert.False(File.Exists(Folder["a.txt.tlog-proof"]));
        Assert.Contains("not known here", (await RunAsync(server, "keys", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync(server, "seal", path, "--key", server.Ledger.Key.ToString())).ExitCode);
    }

    [Theory]
    [InlineData("home", null, "home/.config/seal/known-keys")]
    [InlineData("home", "relative", "home/.config/seal/known-keys")]
    [InlineData("home", "xdg", "xdg/seal/known-keys")]
    public async Task Seal_WithoutKey_KeepsItBelowTheHomeFolderOrXdgConfigHome(string home, string? xdg, string expected)
    {
        await using var server = await FakeSealServer.StartAsync();
        Variables.Remove("SEAL_KNOWN_KEYS");
        Variables["XDG_CONFIG_HOME"] = xdg is null or "relative" ? xdg ?? "" : Folder[xdg];
        HomeFolder = Folder[home];

        Assert.Equal(0, (await RunAsync(server, "seal", Folder.Write("a.txt", "x"))).ExitCode);

        Assert.Contains(expected, Folder.Files());
    }

    [Fact]
    public async Task Seal_KeyOfAnotherOrigin_IsRefusedBeforeAnythingIsSent()
    {
        await using var server = await FakeSealServer.StartAsync();

        var sealing = await RunAsync(server, "seal", Folder.Write("a.txt", "x"), "--key", new FakeLedger("other.example/log").Key.ToString());

        Assert.Equal(1, sealing.ExitCode);
        Assert.Equal(0, server.Sealing.Streams);
    }

    [Fact]
    public async Task Verify_WithoutKey_FailsUnlessTrustOnFirstUse()
    {
        await using var server = await FakeSealServer.StartAsync();
        var path = Folder.Write("a.txt", "x");
        await RunAsync(server, "seal", path);

        var without = await RunAsync(null, "verify", path, "--json");
        Assert.Equal(1, without.ExitCode);
        Assert.Equal("failed", without.Json()[0].Check("origin"));
        Assert.Equal("passed", without.Json()[0].Check("inclusion"));
        Assert.Contains("--key", without.Error, StringComparison.Ordinal);

        var trusting = await RunAsync(null, "verify", path, "--trust-on-first-use", "--json");
        Assert.Equal(0, trusting.ExitCode);
        Assert.Equal("passed", trusting.Json()[0].Check("signature"));
    }

    [Fact]
    public async Task Verify_TrustOnFirstUseOfALedgerThatWasNeverMet_Fails()
    {
        await using var server = await FakeSealServer.StartAsync();
        var path = Folder.Write("a.txt", "x");
        await RunAsync(server, "seal", path, "--key", server.Ledger.Key.ToString());

        Assert.Equal(1, (await RunAsync(null, "verify", path, "--trust-on-first-use")).ExitCode);
    }
}
