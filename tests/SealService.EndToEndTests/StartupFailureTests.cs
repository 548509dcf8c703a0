using System.Runtime.Versioning;
using System.Security.Cryptography;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>A server that can't do its work does not start: it says why in one clear sentence, ends with a non-zero code, and overwrites nothing.</summary>
[SupportedOSPlatform("linux")]
public sealed class StartupFailureTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    [Fact]
    public async Task WrongPin_IsSaid_AndThePinIsNot()
    {
        var pin = Path.Combine(Directory.CreateTempSubdirectory("seal-pin-").FullName, "pin");
        await File.WriteAllTextAsync(pin, "98765432\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(pin, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var log = await FailToStartAsync("Seal__Hsm__PinFile", pin);
        Assert.Contains("PIN", log, StringComparison.Ordinal);
        Assert.Contains(pin, log, StringComparison.Ordinal);
        Assert.DoesNotContain("98765432", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PinFileThatOthersCanRead_IsRefused()
    {
        var pin = Path.Combine(Directory.CreateTempSubdirectory("seal-pin-").FullName, "pin");
        File.Copy(hsm.PinFile, pin);
        File.SetUnixFileMode(pin, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains(pin, await FailToStartAsync("Seal__Hsm__PinFile", pin), StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingModule_IsSaid() =>
        Assert.Contains("/nowhere/libhsm.so", await FailToStartAsync("Seal__Hsm__Module", "/nowhere/libhsm.so"), StringComparison.Ordinal);

    [Fact]
    public async Task MissingToken_IsSaid() =>
        Assert.Contains("no-such-token", await FailToStartAsync("Seal__Hsm__TokenLabel", "no-such-token"), StringComparison.Ordinal);

    [Fact]
    public async Task MissingKey_IsSaid() =>
        Assert.Contains("no-such-key", await FailToStartAsync("Seal__Ledgers__0__KeyLabel", "no-such-key"), StringComparison.Ordinal);

    [Theory]
    [InlineData("Seal__Hsm__SessionsMax", "0", "Seal:Hsm:SessionsMax")]
    [InlineData("Seal__Hsm__PinFile", "", "Seal:Hsm:PinFile")]
    [InlineData("Seal__Limits__MessageBytesMax", "lots", "Seal:Limits:MessageBytesMax")]
    [InlineData("Seal__Limits__NoSuchLimit", "1", "NoSuchLimit")]
    [InlineData("Seal__Ledgers__0__Origin", "with space", "Seal:Ledgers:0:Origin")]
    [InlineData("Seal__Listen__Grpc", "0.0.0.0:0", "--insecure")]
    [InlineData("Seal__Listen__Grpc", "localhost", "Seal:Listen:Grpc")]
    [InlineData("Seal__Listen__CertificateFile", "/nowhere/cert.pem", "Seal:Listen:CertificateFile")]
    public async Task BadSetting_NamesItsKey(string variable, string value, string expected) =>
        Assert.Contains(expected, await FailToStartAsync(variable, value), StringComparison.Ordinal);

    [Fact]
    public async Task DataFolderInUse_IsSaid_AndTheOwnerGoesOn()
    {
        await using var owner = new RealServer(hsm);
        await owner.StartAsync();
        await using var second = new RealServer(hsm, Directory.CreateTempSubdirectory("seal-data-").FullName,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Seal__Ledgers__0__Folder"] = Path.Combine(owner.DataFolder, "ledger") });
        Assert.NotEqual(0, await second.TryStartAsync() ?? 0);
        Assert.Contains(Path.Combine(owner.DataFolder, "ledger"), second.Log, StringComparison.Ordinal);
        await TestDocuments.SealAsync(owner, 3);
        Assert.Equal(0, await owner.StopAsync());
    }

    [Fact]
    public async Task PortInUse_IsSaid()
    {
        await using var owner = new RealServer(hsm);
        await owner.StartAsync();
        Assert.Contains(owner.GrpcAddress, await FailToStartAsync("Seal__Listen__Grpc", owner.GrpcAddress), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DamagedRecord_IsSaid_AndNothingIsOverwritten()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        await TestDocuments.SealAsync(server, 200);
        server.Kill();

        // Derived data off, so that the record itself has to be read; then one byte in the middle of the written part flipped.
        var ledger = Path.Combine(server.DataFolder, "ledger");
        Directory.Delete(Path.Combine(ledger, "derived"), recursive: true);
        var record = Directory.EnumerateFiles(Path.Combine(ledger, "records"), "*", SearchOption.AllDirectories).OrderByDescending(f => new FileInfo(f).Length).First();
        var bytes = await File.ReadAllBytesAsync(record, TestContext.Current.CancellationToken);
        var middle = Array.FindLastIndex(bytes, b => b != 0) / 2;
        bytes[middle] ^= 0x40;
        await File.WriteAllBytesAsync(record, bytes, TestContext.Current.CancellationToken);

        var before = HashOfFolder(ledger);
        var verified = await server.RunVerbAsync("verify-ledger");
        Assert.Equal(1, verified.ExitCode);
        Assert.Matches("damaged|checksum|does not match", verified.Error);
        Assert.NotEqual(0, await server.TryStartAsync() ?? 0);
        Assert.Matches("damaged|checksum|does not match", server.Log);
        Assert.Equal(before, HashOfFolder(ledger));
    }

    [Fact]
    public async Task VerifyLedger_ReadsEveryRecord()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        await TestDocuments.SealAsync(server, 25);
        Assert.Equal(0, await server.StopAsync());
        var verified = await server.RunVerbAsync("verify-ledger");
        Assert.True(verified.ExitCode == 0, verified.All);
        Assert.Contains("25 entries", verified.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnotherKeyForTheSameLedger_IsRefused()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        await TestDocuments.SealAsync(server, 1);
        Assert.Equal(0, await server.StopAsync());

        var other = new SoftHsm();
        await other.InitializeAsync();
        try
        {
            await using var imposter = new RealServer(other, Directory.CreateTempSubdirectory("seal-data-").FullName,
                new Dictionary<string, string>(StringComparer.Ordinal) { ["Seal__Ledgers__0__Folder"] = Path.Combine(server.DataFolder, "ledger") });
            Assert.NotEqual(0, await imposter.TryStartAsync() ?? 0);
            Assert.Contains("key", imposter.Log, StringComparison.Ordinal);
        }
        finally
        {
            await other.DisposeAsync();
        }
    }

    private static string HashOfFolder(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(folder, "records"), "*", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.Combine(folder, "commit"), "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal))
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(file));
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private async Task<string> FailToStartAsync(string variable, string value)
    {
        await using var server = new RealServer(hsm, settings: new Dictionary<string, string>(StringComparer.Ordinal) { [variable] = value });
        var exitCode = await server.TryStartAsync();
        Assert.True(exitCode is > 0, $"It should have failed: exit code {exitCode}\n{server.Log}");
        Assert.DoesNotContain("   at ", server.Log, StringComparison.Ordinal); // a sentence, not a stack trace
        return server.Log;
    }
}
