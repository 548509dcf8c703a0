namespace SealService.LoadTests.Servers;

/// <summary>A SoftHSM token, made by hsm-sim/provision.sh; kept between runs.</summary>
internal sealed class SoftHsmToken
{
    private readonly string _folder;
    private readonly string _module;

    private SoftHsmToken(string folder, string module)
    {
        _folder = folder;
        _module = module;
    }

    public static async Task<SoftHsmToken> ProvisionAsync(string folder)
    {
        await Checkout.RunAsync(Checkout.PathOf("hsm-sim", "provision.sh"), folder);
        var module = await Checkout.RunAsync(Checkout.PathOf("scripts", "require.sh"), "--softhsm-module");
        return new SoftHsmToken(folder, module.Trim());
    }

    /// <summary>What the server needs in its environment to sign with the token, at its full speed or at a profile's.</summary>
    public async Task<Dictionary<string, string>> EnvironmentAsync(HsmProfile? profile)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["SOFTHSM2_CONF"] = Path.Combine(_folder, "softhsm2.conf"),
            ["Seal__Hsm__Module"] = _module,
            ["Seal__Hsm__TokenLabel"] = "seal",
            ["Seal__Hsm__PinFile"] = Path.Combine(_folder, "pin"),
        };
        if (profile is not null)
        {
            environment["Seal__Hsm__Module"] = (await Checkout.RunAsync(Checkout.PathOf("hsm-sim", "build.sh"))).Trim();
            environment["SEAL_HSM_SIM_MODULE"] = _module;
            environment["SEAL_HSM_SIM_SIGN_LATENCY_MS"] = FormattableString.Invariant($"{profile.SignLatencyMs}");
            environment["SEAL_HSM_SIM_SIGNS_PER_SECOND"] = FormattableString.Invariant($"{profile.SignsPerSecondMax}");
        }

        return environment;
    }
}

/// <summary>How fast hsm-sim signs.</summary>
internal sealed record HsmProfile(int SignLatencyMs, int SignsPerSecondMax);
