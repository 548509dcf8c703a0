using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using SealService.Pkcs11;
using Xunit;

namespace SealService.Tests.Pkcs11;

/// <summary>
/// A SoftHSM with two tokens in a temporary folder, reached directly and through hsm-sim. One for the process: modules are initialised
/// once, and read the environment then. Tests that use it run one after the other.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class SoftHsm : IDisposable
{
    public const string Label = "seal";
    public const string OtherLabel = "other";
    public const string Ed25519Label = "seal-ledger";
    public const string P256Label = "seal-ledger-p256";
    public const string TwinLabel = "twins";
    public const string ImportedLabel = "imported";

    private readonly string _folder = Directory.CreateTempSubdirectory("seal-hsm-").FullName;
    private readonly string? _missing;

    public SoftHsm()
    {
        string scripts = Path.Combine(RepositoryRoot(), "hsm-sim");
        int exitCode = Run(Path.Combine(scripts, "build.sh"), [_folder], out string output);
        SimulatedModule = output.Trim();
        if (exitCode == 0)
        {
            exitCode = Run(Path.Combine(scripts, "provision.sh"), [_folder, "--token", Label], out output);
        }

        if (exitCode == MissingPackages)
        {
            _missing = output;
            return;
        }

        Require(exitCode, output);
        Require(Run(Path.Combine(scripts, "provision.sh"), [_folder, "--token", OtherLabel], out output), output);
        MakeKey(TwinLabel, "0A");
        MakeKey(TwinLabel, "0B");
        ImportKey();

        // The environment of the process itself: modules ask getenv.
        Require(SetEnvironment("SOFTHSM2_CONF", Configuration, 1), "setenv");
        Require(SetEnvironment("SEAL_HSM_SIM_CONTROL", ControlFile, 1), "setenv");
    }

    public static string Module => "/usr/lib/softhsm/libsofthsm2.so";

    public string SimulatedModule { get; } = "";

    public string PinFile => Path.Combine(_folder, "pin");

    private const int MissingPackages = 3;

    private string ControlFile => Path.Combine(_folder, "control");

    private string Configuration => Path.Combine(_folder, "softhsm2.conf");

    /// <summary>Skips the test where SoftHSM is not installed, but never in CI.</summary>
    public void RequireInstalled()
    {
        if (_missing is not null)
        {
            Assert.SkipWhen(Environment.GetEnvironmentVariable("CI") is null, _missing);
            Assert.Fail(_missing);
        }
    }

    public TokenOptions Options(string? module = null) => new()
    {
        ModulePath = module ?? Module,
        PinFile = PinFile,
        TokenLabel = Label,
        Ed25519Verifier = LibCrypto.VerifyEd25519,
        ReconnectInterval = TimeSpan.FromMilliseconds(10),
        ReinitializeInterval = TimeSpan.FromMilliseconds(1),
    };

    public async Task<Token> OpenAsync(TokenOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        RequireInstalled();
        return await Token.OpenAsync(
            options ?? Options(), TimeProvider.System, loggerFactory ?? new LoggerFactory(), TestContext.Current.CancellationToken);
    }

    /// <summary>Opens the token through hsm-sim, without faults as yet.</summary>
    public Task<Token> OpenSimulatedAsync(ILoggerFactory? loggerFactory = null, Func<TokenOptions, TokenOptions>? change = null)
    {
        Inject();
        TokenOptions options = Options(SimulatedModule);
        return OpenAsync(change is null ? options : change(options), loggerFactory);
    }

    /// <summary>Puts lines into hsm-sim's control file in place of those before.</summary>
    public void Inject(params string[] lines)
    {
        File.WriteAllLines(ControlFile + ".new", lines);
        File.Move(ControlFile + ".new", ControlFile, overwrite: true);
    }

    public string WriteFile(string name, string content, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        File.SetUnixFileMode(path, mode);
        return path;
    }

    /// <summary>Puts another key in the place of one: what an operator's mistake, or another partition, does.</summary>
    public void ReplaceKey(string label)
    {
        Pkcs11Tool("--delete-object", "--type", "privkey", "--label", label);
        Pkcs11Tool("--delete-object", "--type", "pubkey", "--label", label);
        MakeKey(label);
    }

    public void MakeKey(string label, string? id = null)
    {
        id ??= Convert.ToHexString(RandomNumberGenerator.GetBytes(8));
        Pkcs11Tool("--keypairgen", "--key-type", "EC:edwards25519", "--label", label, "--id", id, "--sensitive");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    private static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "SealService.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The tests run outside of the repository.");
    }

    private static void Require(int exitCode, string output)
    {
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"Exit code {exitCode}: {output}");
        }
    }

    /// <summary>A private key that was made elsewhere, and that has no public key beside it.</summary>
    private void ImportKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string path = Path.Combine(_folder, "imported.der");
        File.WriteAllBytes(path, key.ExportECPrivateKey());
        Pkcs11Tool("--write-object", path, "--type", "privkey", "--label", ImportedLabel, "--id", "0C", "--usage-sign");
    }

    private void Pkcs11Tool(params string[] arguments)
    {
        string[] login = ["--module", Module, "--token-label", Label, "--login", "--pin", "env:SEAL_PIN"];
        Require(Run("pkcs11-tool", [.. login, .. arguments], out string output), output);
    }

    private int Run(string program, string[] arguments, out string output)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["SOFTHSM2_CONF"] = Configuration;
        start.Environment["SEAL_PIN"] = File.Exists(PinFile) ? File.ReadAllText(PinFile) : "";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        output = process.StandardOutput.ReadToEnd();
        output += error.GetAwaiter().GetResult();
        process.WaitForExit();
        return process.ExitCode;
    }
}

/// <summary>The tests that share the one SoftHSM of the process.</summary>
[UnsupportedOSPlatform("windows")]
[CollectionDefinition(Name)]
public sealed class SoftHsmTests : ICollectionFixture<SoftHsm>
{
    public const string Name = "SoftHSM";
}
