using System.Text.Json;
using SealService.Cli;

namespace SealService.Tests.Client;

/// <summary>Runs the seal command against a server, with files, an environment and known keys of the test's own.</summary>
public abstract class CommandLineTest : IDisposable
{
    private protected CommandLineTest() => Variables["SEAL_KNOWN_KEYS"] = Folder["config/known-keys"];

    private protected TestFolder Folder { get; } = new();

    private protected Dictionary<string, string> Variables { get; } = new(StringComparer.Ordinal);

    private protected string HomeFolder { get; set; } = "";

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected async Task<Run> RunAsync(FakeSealServer? server, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        if (server is not null)
        {
            Variables["SEAL_SERVER"] = server.Address.ToString();
        }

        var environment = new CommandEnvironment { Output = output, Error = error, GetVariable = name => Variables.GetValueOrDefault(name), HomeFolder = HomeFolder };
        var exitCode = await SealCommandLine.RunAsync(args, environment);
        return new Run(exitCode, output.ToString(), error.ToString());
    }

    private protected sealed record Run(int ExitCode, string Output, string Error)
    {
        public List<JsonElement> Json() =>
            [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }
}

/// <summary>Members of JSON results.</summary>
internal static class JsonElementExtensions
{
    public static string? Text(this JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() : null;

    public static long Number(this JsonElement element, string name) => element.GetProperty(name).GetInt64();

    /// <summary>The outcome of one of a document's checks.</summary>
    public static string? Check(this JsonElement element, string kind) =>
        element.GetProperty("checks").EnumerateArray().Single(check => check.Text("check") == kind).Text("outcome");
}
