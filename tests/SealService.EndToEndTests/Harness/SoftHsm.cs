namespace SealService.EndToEndTests.Harness;

/// <summary>A SoftHSM token of this test run's own, made by hsm-sim/provision.sh in a folder that goes away with it.</summary>
public sealed class SoftHsm : IAsyncLifetime
{
    /// <summary>The folder with the token, its configuration and the PIN file.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("seal-hsm-").FullName;

    public string Module { get; private set; } = "";

    public string PinFile => Path.Combine(Folder, "pin");

    /// <summary>What a process needs in its environment to use the token.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["SOFTHSM2_CONF"] = Path.Combine(Folder, "softhsm2.conf"),
    };

    public async ValueTask InitializeAsync()
    {
        var provisioned = await Repository.RunAsync(Repository.PathOf("hsm-sim", "provision.sh"), [Folder]);
        Assert.True(provisioned.ExitCode == 0, provisioned.All);
        var module = await Repository.RunAsync(Repository.PathOf("scripts", "require.sh"), ["--softhsm-module"]);
        Assert.True(module.ExitCode == 0, module.All);
        Module = module.Output.Trim();
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
