namespace SealService.Configuration;

/// <summary>What the server's command line asks for.</summary>
internal sealed record CommandLine(ServerVerb Verb, string? ConfigFile, IReadOnlyList<string> Settings)
{
    /// <summary>The text of <c>--help</c>.</summary>
    public const string Help = """
        SealService: seals documents over gRPC.

        SealService [serve] [--config FILE] [--insecure] [--listen ADDRESS:PORT] [--http ADDRESS:PORT] [--Seal:KEY=VALUE ...]
        SealService check-config [the same options]     says what is wrong with the configuration, and ends
        SealService verify-ledger [the same options]    reads every record of every ledger and checks it; the server must not be running
        SealService healthcheck [the same options]      asks the server on this machine whether it is healthy, and ends with 0 or 1
        SealService --help | --version

        Settings come from appsettings.json, then FILE, then the environment (Seal__Hsm__PinFile=...), then the command line
        (--Seal:Hsm:PinFile=...). docs/operations.md lists them all.
        """;

    /// <summary>Reads the arguments; null leaves what is wrong in <paramref name="error"/>.</summary>
    public static CommandLine? TryParse(IReadOnlyList<string> arguments, out string error)
    {
        error = "";
        var verb = ServerVerb.Serve;
        string? configFile = null;
        var settings = new List<string>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            var (name, value) = argument.IndexOf('=', StringComparison.Ordinal) is var at and > 0 ? (argument[..at], argument[(at + 1)..]) : (argument, null);
            switch (name)
            {
                case "serve" when i == 0:
                    break;
                case "check-config" when i == 0:
                    verb = ServerVerb.CheckConfiguration;
                    break;
                case "verify-ledger" when i == 0:
                    verb = ServerVerb.VerifyLedger;
                    break;
                case "healthcheck" when i == 0:
                    verb = ServerVerb.HealthCheck;
                    break;
                case "--help" or "-h":
                    verb = ServerVerb.Help;
                    break;
                case "--version":
                    verb = ServerVerb.Version;
                    break;
                case "--insecure":
                    settings.Add("--Seal:Listen:Insecure=true");
                    break;
                case "--config" or "--listen" or "--http":
                    value ??= ++i < arguments.Count ? arguments[i] : null;
                    if (value is null)
                    {
                        error = $"{name} needs a value.";
                        return null;
                    }

                    if (name == "--config")
                    {
                        configFile = value;
                    }
                    else
                    {
                        settings.Add($"--Seal:Listen:{(name == "--listen" ? "Grpc" : "Http")}={value}");
                    }

                    break;
                default:
                    if (value is null || !(name.StartsWith("--Seal:", StringComparison.OrdinalIgnoreCase) || name.StartsWith("--Logging:", StringComparison.OrdinalIgnoreCase)))
                    {
                        error = $"'{argument}' is not an option (try --help).";
                        return null;
                    }

                    settings.Add(argument);
                    break;
            }
        }

        return new CommandLine(verb, configFile, settings);
    }
}

/// <summary>What the server's executable can do.</summary>
internal enum ServerVerb
{
    Serve,
    CheckConfiguration,
    HealthCheck,
    VerifyLedger,
    Help,
    Version,
}
