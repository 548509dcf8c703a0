using System.Text.Json;
using Grpc.Core;
using SealService.Cli.Sealing;
using SealService.Client;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Client;

/// <summary>The seal command as its users have it: arguments in, text or JSON and an exit code out.</summary>
public sealed class CommandLineTests : CommandLineTest
{
    [Fact]
    public async Task Seal_Folder_WritesReceiptsThatVerify()
    {
        await using var server = await FakeSealServer.StartAsync();
        WriteDocuments();

        var sealing = await RunAsync(server, "seal", Folder["docs"], "--json");

        Assert.Equal(0, sealing.ExitCode);
        var lines = sealing.Json();
        Assert.Equal(4, lines.Count);
        Assert.Equal(["a.txt", "empty", "sub/b.txt"], lines[..3].Select(l => Path.GetRelativePath(Folder["docs"], l.Text("path")!)).Order(StringComparer.Ordinal));
        Assert.All(lines[..3], line => Assert.Equal(("document", "sealed"), (line.Text("type"), line.Text("outcome"))));
        Assert.Equal(("summary", 3, 3), (lines[3].Text("type"), lines[3].Number("documents"), lines[3].Number("sealed")));
        Assert.Equal(
            ["docs/a.txt", "docs/a.txt.tlog-proof", "docs/empty", "docs/empty.tlog-proof", "docs/sub/b.txt", "docs/sub/b.txt.tlog-proof"],
            Folder.Files().Where(f => f.StartsWith("docs", StringComparison.Ordinal)));

        var verifying = await RunAsync(null, "verify", Folder["docs"], "--key", server.Ledger.Key.ToString(), "--json");
        Assert.Equal(0, verifying.ExitCode);
        Assert.All(verifying.Json()[..3], line => Assert.Equal("valid", line.Text("verdict")));
        Assert.Equal(3, verifying.Json()[3].Number("valid"));
    }

    [Fact]
    public async Task Seal_Again_SkipsWhatHasItsReceipt()
    {
        await using var server = await FakeSealServer.StartAsync();
        WriteDocuments();
        await RunAsync(server, "seal", Folder["docs"]);
        var size = server.Ledger.TreeSize;

        var again = await RunAsync(server, "seal", Folder["docs"], "--json");

        Assert.Equal(0, again.ExitCode);
        Assert.Equal(3, again.Json()[^1].Number("skipped"));
        Assert.Equal(size, server.Ledger.TreeSize);
    }

    [Fact]
    public async Task Seal_ReceiptsLost_GetsTheSameEntries()
    {
        await using var server = await FakeSealServer.StartAsync();
        WriteDocuments();
        var first = (await RunAsync(server, "seal", Folder["docs"], "--json")).Json();
        var size = server.Ledger.TreeSize;
        File.Delete(Folder["docs/a.txt.tlog-proof"]);
        File.WriteAllText(Folder["docs/sub/b.txt.tlog-proof"], "cut o");

        var again = (await RunAsync(server, "seal", Folder["docs"], "--json")).Json();

        Assert.Equal((1, 2), (again[^1].Number("skipped"), again[^1].Number("already_sealed")));
        Assert.Equal(size, server.Ledger.TreeSize);
        Assert.Equal(IndexOf(first, "a.txt"), IndexOf(again, "a.txt"));
        Assert.Equal(IndexOf(first, "b.txt"), IndexOf(again, "b.txt"));

        static long IndexOf(List<JsonElement> lines, string name) =>
            lines.Single(line => line.Text("path")?.EndsWith(name, StringComparison.Ordinal) == true).Number("index");
    }

    [Fact]
    public async Task Seal_ChangedDocument_IsANewEntryAndTheOldReceiptIsKept()
    {
        await using var server = await FakeSealServer.StartAsync();
        var path = Folder.Write("a.txt", "first");
        var first = (await RunAsync(server, "seal", path, "--json")).Json()[0].Number("index");
        Folder.Write("a.txt", "other");

        var second = (await RunAsync(server, "seal", path, "--json")).Json()[0];

        Assert.Equal("sealed", second.Text("outcome"));
        Assert.NotEqual(first, second.Number("index"));
        Assert.Contains($"a.txt.{first}.tlog-proof", Folder.Files());
        Assert.Equal(Folder[$"a.txt.{first}.tlog-proof"], second.Text("earlier_receipt"));
        Assert.Equal(0, (await RunAsync(null, "verify", path, "--key", server.Ledger.Key.ToString())).ExitCode);
    }

    [Fact]
    public async Task Seal_ChangedDocument_SaysSo()
    {
        await using var server = await FakeSealServer.StartAsync();
        WriteDocuments();
        var path = Folder["docs/a.txt"];
        Assert.DoesNotContain("changed", (await RunAsync(server, "seal", Folder["docs"])).Output, StringComparison.Ordinal);

        ReceiptFile.TryRead(path + ".tlog-proof", out var first, out _);
        Folder.Write("docs/a.txt", "other");
        var named = await RunAsync(server, "seal", path);
        Assert.Contains($", content changed since entry {first!.Index} (its receipt is now {path}.{first.Index}.tlog-proof), receipt ", named.Output, StringComparison.Ordinal);

        Folder.Write("docs/a.txt", "third");
        var folder = await RunAsync(server, "seal", Folder["docs"]);
        Assert.StartsWith("1 sealed, 0 sealed before, 2 skipped, 0 failed, 1 changed; ", folder.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Seal_SameContentAsAnotherEntry_IsNotChanged()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var other = await FakeSealServer.StartAsync(new FakeLedger("other.example/log"));
        var path = Folder.Write("a.txt", "x");
        await RunAsync(server, "seal", path);

        var elsewhere = await RunAsync(other, "seal", path);

        Assert.Equal(0, elsewhere.ExitCode);
        Assert.DoesNotContain("changed", elsewhere.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Seal_ReceiptsFolder_KeepsThemAtTheRelativePaths()
    {
        await using var server = await FakeSealServer.StartAsync();
        WriteDocuments();

        await RunAsync(server, "seal", Folder["docs"], "--receipts", Folder["receipts"]);

        Assert.Equal(
            ["receipts/a.txt.tlog-proof", "receipts/empty.tlog-proof", "receipts/sub/b.txt.tlog-proof"],
            Folder.Files().Where(f => f.StartsWith("receipts", StringComparison.Ordinal)));
        var verifying = await RunAsync(null, "verify", Folder["docs"], "--receipt", Folder["receipts"], "--key", server.Ledger.Key.ToString());
        Assert.Equal(0, verifying.ExitCode);
    }

    [Fact]
    public async Task Seal_DocumentRejected_SaysSoAndExitsWith3()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.Failures["mine"] = (StatusCode.ResourceExhausted, 1);

        var sealing = await RunAsync(server, "seal", Folder.Write("a.txt", "x"), "--document-id", "mine", "--json");

        Assert.Equal(3, sealing.ExitCode);
        var line = sealing.Json()[0];
        Assert.Equal("failed", line.Text("outcome"));
        Assert.Equal("RESOURCE_EXHAUSTED", line.GetProperty("error").Text("code"));
        Assert.False(File.Exists(Folder["a.txt.tlog-proof"]));
    }

    [Fact]
    public async Task Verify_ChangedDocument_SaysExactlyWhatIsWrong()
    {
        await using var server = await FakeSealServer.StartAsync();
        var path = Folder.Write("a.txt", "x");
        await RunAsync(server, "seal", path);
        Folder.Write("a.txt", "y");
        var keyFile = Folder.Write("keys", $"# the ledger's keys\n{server.Ledger.Key} from the notary\n");

        var verifying = await RunAsync(null, "verify", path, "--key", keyFile);

        Assert.Equal(1, verifying.ExitCode);
        Assert.Contains("NOT VALID", verifying.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\n  sealed at", verifying.Output, StringComparison.Ordinal);
        Assert.Contains("\n  not proven: sealed at", verifying.Output, StringComparison.Ordinal);
        Assert.Contains($"the document's SHA-256 is {Sha256.HashData("y"u8)}, the receipt is for {Sha256.HashData("x"u8)}", verifying.Output, StringComparison.Ordinal);
        var json = (await RunAsync(null, "verify", path, "--key", keyFile, "--json")).Json()[0];
        Assert.Equal(("failed", "passed", "passed"), (json.Check("digest"), json.Check("size"), json.Check("signature")));
    }

    [Fact]
    public async Task Verify_NoReceipt_IsNotValid()
    {
        var verifying = await RunAsync(null, "verify", Folder.Write("a.txt", "x"), "--json");

        Assert.Equal(1, verifying.ExitCode);
        Assert.Equal("failed", verifying.Json()[0].Check("receipt"));
    }

    [Fact]
    public async Task Verify_ManyFiles_GivesThemInOrder()
    {
        await using var server = await FakeSealServer.StartAsync();
        for (var i = 0; i < 200; i++)
        {
            Folder.Write($"docs/{i:000}", $"document {i}");
        }

        await RunAsync(server, "seal", Folder["docs"], "--jobs", "3");
        var lines = (await RunAsync(null, "verify", Folder["docs"], "--key", server.Ledger.Key.ToString(), "--json")).Json();

        Assert.Equal(Enumerable.Range(0, 200).Select(i => Folder[$"docs/{i:000}"]), lines[..200].Select(line => line.Text("path")!));
        Assert.Equal(200, lines[200].Number("valid"));
    }

    [Theory]
    [InlineData("seal")]
    [InlineData("verify")]
    [InlineData("bogus")]
    [InlineData("seal", "/not/there")]
    [InlineData("verify", "/not/there")]
    [InlineData("seal", "/tmp", "--jobs", "0")]
    [InlineData("seal", "/tmp", "--jobs", "65")]
    [InlineData("seal", "/tmp", "--jobs", "many")]
    [InlineData("seal", "/tmp", "--jobs", "1.5")]
    [InlineData("seal", "/tmp", "--server", "ftp://x")]
    [InlineData("verify", "/tmp", "--key", "neither key nor file")]
    [InlineData("verify", "/tmp", "--unknown")]
    [InlineData("log", "proof", "x")]
    [InlineData("seal", "/tmp", "--reciepts", "x")]
    [InlineData("verify", "/tmp", "--receipts", "x")]
    [InlineData("log", "find")]
    [InlineData("log", "find", "--digest", "zz")]
    [InlineData("log", "find", "--digest", "00", "--document-id", "x")]
    [InlineData("log", "proof", "-1")]
    [InlineData("log", "proof", "1", "--tree-size", "x")]
    [InlineData("log", "consistency", "1", "x")]
    [InlineData("log", "find", "--document-id", "x", "--count", "99999999999")]
    [InlineData("log", "entries", "--first", "-1")]
    [InlineData("log", "entries", "--first", "0x1")]
    [InlineData("log", "entries", "--count", "9223372036854775808")]
    [InlineData("log", "receipt", "--index", "x")]
    public async Task Run_WrongUsage_ExitsWith2AndASentence(params string[] args)
    {
        var text = await RunAsync(null, args);
        Assert.Equal(2, text.ExitCode);
        Assert.StartsWith("seal: ", text.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text.Error, StringComparison.Ordinal);

        var json = Assert.Single((await RunAsync(null, [.. args, "--json"])).Json());
        Assert.Equal(("error", 2), (json.Text("type"), json.Number("exit_code")));
    }

    [Fact]
    public async Task Consistency_FileThatIsNoCheckpoint_IsTheUsersMistake()
    {
        await using var server = await FakeSealServer.StartAsync();
        var run = await RunAsync(server, "log", "consistency", Folder.Write("note", "no note"), "--key", server.Ledger.Key.ToString());
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("is not a checkpoint", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("keys", "list")]
    [InlineData("log", "checkpoint")]
    public async Task Run_ServerThatIsNotThere_ExitsWith3(params string[] args)
    {
        var server = await FakeSealServer.StartAsync();
        await server.DisposeAsync();

        var run = await RunAsync(server, [.. args, "--json"]);

        Assert.Equal(3, run.ExitCode);
        Assert.Equal("UNAVAILABLE", Assert.Single(run.Json()).Text("code"));
    }

    [Theory]
    [InlineData("--help", "seal [command]")]
    [InlineData("seal --help", "seal seal <PATH>...")]
    [InlineData("verify --help", "seal verify <FILE>...")]
    [InlineData("log proof --help", "seal log proof <INDEX>")]
    public async Task Help_AnyVerb_ShowsItsUsage(string args, string usage)
    {
        var run = await RunAsync(null, args.Split(' '));

        Assert.Equal(0, run.ExitCode);
        Assert.Contains(usage, run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_EveryVerb_HasItsJsonShape()
    {
        await using var server = await FakeSealServer.StartAsync();
        var document = Folder.Write("a.txt", "x");
        var index = (await RunAsync(server, "seal", document, "--document-id", "mine", "--json")).Json()[0].Number("index");
        var saved = Folder["saved-checkpoint"];
        await File.WriteAllBytesAsync(saved, server.Ledger.GetCheckpoint(), TestContext.Current.CancellationToken);
        var size = server.Ledger.TreeSize;
        await RunAsync(server, "seal", Folder.Write("b.txt", "y"));

        var checkpoint = await OneAsync("log", "checkpoint");
        Assert.Equal((server.Ledger.Origin, server.Ledger.TreeSize), (checkpoint.Text("origin"), checkpoint.Number("tree_size")));
        Assert.True(checkpoint.GetProperty("signature_verified").GetBoolean());

        var entry = await OneAsync("log", "entries", "--first", $"{index}", "--count", "1");
        Assert.Equal(("document", "mine", 1), (entry.Text("kind"), entry.Text("document_id"), entry.Number("size_bytes")));
        Assert.Equal(Sha256.HashData("x"u8).ToString(), entry.Text("digest"));

        var proof = await OneAsync("log", "proof", $"{index}");
        Assert.Equal(entry.Text("leaf_hash"), proof.Text("leaf_hash"));

        var consistency = await OneAsync("log", "consistency", saved);
        Assert.Equal((size, server.Ledger.TreeSize), (consistency.Number("first_size"), consistency.Number("second_size")));
        Assert.Equal(size, (await OneAsync("log", "consistency", $"{size}")).Number("first_size"));

        Assert.Equal(index, (await OneAsync("log", "find", "--document-id", "mine")).Number("index"));

        var receiptPath = Folder["fresh.tlog-proof"];
        Assert.Equal(index, (await OneAsync("log", "receipt", "--index", $"{index}", "-o", receiptPath)).Number("index"));
        var verifying = await RunAsync(null, "verify", document, "--receipt", receiptPath, "--trust-on-first-use");
        Assert.Equal(0, verifying.ExitCode);

        var key = Assert.Single((await OneAsync("keys", "list")).GetProperty("keys").EnumerateArray());
        Assert.Equal(server.Ledger.Key.ToString(), key.Text("vkey"));
        Assert.True(key.GetProperty("known").GetBoolean());

        Assert.Equal("serving", (await OneAsync("status")).Text("health"));

        async Task<JsonElement> OneAsync(params string[] args)
        {
            var run = await RunAsync(server, [.. args, "--json"]);
            Assert.Equal(0, run.ExitCode);
            return Assert.Single(run.Json());
        }
    }

    [Fact]
    public async Task Log_EveryVerb_HasText()
    {
        await using var server = await FakeSealServer.StartAsync();
        await RunAsync(server, "seal", Folder.Write("a.txt", "x"));

        Assert.Contains(server.Ledger.Origin, (await RunAsync(server, "log", "checkpoint")).Output, StringComparison.Ordinal);
        Assert.Contains(Sha256.HashData("x"u8).ToString(), (await RunAsync(server, "log", "entries")).Output, StringComparison.Ordinal);
        Assert.Contains("Signed by a trusted key", (await RunAsync(server, "log", "proof", "1")).Output, StringComparison.Ordinal);
        Assert.Contains("is a prefix of", (await RunAsync(server, "log", "consistency", "1")).Output, StringComparison.Ordinal);
        Assert.StartsWith("c2sp.org/tlog-proof@v1\n", (await RunAsync(server, "log", "receipt", "--index", "1")).Output, StringComparison.Ordinal);
        Assert.Contains("known here", (await RunAsync(server, "keys", "list")).Output, StringComparison.Ordinal);
        Assert.Contains("serves", (await RunAsync(server, "status")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void DeriveIdempotencyKey_IsTheHashOfItsLines()
    {
        var digest = Sha256.HashData("x"u8);

        var key = IdempotencyKeys.Derive("seal.example/log", digest, "sub/a.txt");

        Assert.Equal(Sha256.HashData(System.Text.Encoding.UTF8.GetBytes(
            "seal-cli idempotency key v1\nseal.example/log\n2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\nsub/a.txt\n")).ToString(), key);
        Assert.NotEqual(key, IdempotencyKeys.Derive("seal.example/log", digest, "a.txt"));
    }

    private void WriteDocuments()
    {
        Folder.Write("docs/a.txt", "text");
        Folder.Write("docs/empty", "");
        Folder.Write("docs/sub/b.txt", new string('b', 300_000));
    }
}
