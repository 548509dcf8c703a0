using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>The newcomer's first command, on ports of its own.</summary>
public sealed class RunScriptTests
{
    [Fact]
    public async Task RunOnce_SealsAndVerifies_AndASecondRunGoesOnWithTheSameLedger()
    {
        var home = Directory.CreateTempSubdirectory("seal-home-").FullName;
        try
        {
            var environment = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["SEAL_HOME"] = home,
                ["SEAL_GRPC"] = "127.0.0.1:17070",
                ["SEAL_HTTP"] = "127.0.0.1:17071",
            };
            var first = await Repository.RunAsync(Repository.PathOf("run.sh"), ["--once"], environment);
            Assert.True(first.ExitCode == 0, first.All);
            Assert.Contains("0 not valid", first.Output, StringComparison.Ordinal);
            var key = await File.ReadAllTextAsync(Path.Combine(home, "ledger.vkey"), TestContext.Current.CancellationToken);

            var second = await Repository.RunAsync(Repository.PathOf("run.sh"), ["--once"], environment);
            Assert.True(second.ExitCode == 0, second.All);
            Assert.Matches(@"(?m)^0 sealed,", second.Output); // nothing is sealed twice
            Assert.Equal(key, await File.ReadAllTextAsync(Path.Combine(home, "ledger.vkey"), TestContext.Current.CancellationToken));

            // While a server runs, another run fails and leaves that server's log alone.
            await File.WriteAllTextAsync(Path.Combine(home, "server.log"), "of the one that runs", TestContext.Current.CancellationToken);
            await using (File.Open(Path.Combine(home, "ledger", "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
            {
                var third = await Repository.RunAsync(Repository.PathOf("run.sh"), ["--once"], environment);
                Assert.True(third.ExitCode == 3, third.All);
                Assert.Contains("is in use", third.All, StringComparison.Ordinal);
            }

            Assert.Equal(["server.log"], Directory.EnumerateFiles(home, "server.log*").Select(Path.GetFileName));
            Assert.Equal("of the one that runs", await File.ReadAllTextAsync(Path.Combine(home, "server.log"), TestContext.Current.CancellationToken));

            // The server has ended; the key file and the receipt are enough, and standard tools agree.
            var document = Directory.EnumerateFiles(Path.Combine(home, "documents"), "*.pdf", SearchOption.AllDirectories).First();
            var receipt = Path.Combine(home, "receipts", Path.GetRelativePath(Path.Combine(home, "documents"), document) + ".tlog-proof");
            var script = Repository.PathOf("docs", "examples", "shell", "check-receipt.sh");
            var checkedByHand = await Repository.RunAsync(script, [document, receipt, Path.Combine(home, "ledger.vkey")]);
            Assert.True(checkedByHand.ExitCode == 0, checkedByHand.All);

            await File.AppendAllTextAsync(document, "x", TestContext.Current.CancellationToken);
            Assert.Equal(1, (await Repository.RunAsync(script, [document, receipt, Path.Combine(home, "ledger.vkey")])).ExitCode);
            var verified = await Repository.RunAsync(Repository.Seal, ["verify", document, "--receipt", receipt, "--key", Path.Combine(home, "ledger.vkey")]);
            Assert.True(verified.ExitCode == 1, verified.All);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }
}
