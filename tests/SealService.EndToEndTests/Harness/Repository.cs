using System.Diagnostics;

namespace SealService.EndToEndTests.Harness;

/// <summary>Where things lie in this checkout, and how to run them.</summary>
internal static class Repository
{
    /// <summary>The folder with SealService.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The server's executable, of the same configuration as these tests.</summary>
    public static string Server => Executable("SealService", "SealService");

    /// <summary>The command-line tool's executable.</summary>
    public static string Seal => Executable("SealService.Cli", "seal");

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Runs a program to its end; its output and exit code.</summary>
    public static async Task<ProgramResult> RunAsync(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = folder ?? Root };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start.");
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{file} {string.Join(' ', arguments)} did not end within 5 minutes.", e);
        }

        return new ProgramResult(process.ExitCode, await output, await error);
    }

    private static string Executable(string project, string name)
    {
        var configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}debug", StringComparison.OrdinalIgnoreCase) ? "debug" : "release";
        return PathOf("artifacts", "bin", project, configuration, name);
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "SealService.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("SealService.sln was not found above the test assembly.");
    }
}

/// <summary>How a program ended.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string Error)
{
    /// <summary>Both streams, for assertion messages.</summary>
    public string All => $"exit code {ExitCode}\n{Output}\n{Error}";
}
