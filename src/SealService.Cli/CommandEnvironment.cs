namespace SealService.Cli;

/// <summary>What a command has around it: its streams, its variables and its clock. A test gives its own.</summary>
internal sealed record CommandEnvironment
{
    public required TextWriter Output { get; init; }

    public required TextWriter Error { get; init; }

    public required Func<string, string?> GetVariable { get; init; }

    /// <summary>The user's home folder; empty when there is none.</summary>
    public string HomeFolder { get; init; } = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    /// <summary>True when stderr is a terminal, on which one line can be written over and over.</summary>
    public bool ErrorIsTerminal { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    public static CommandEnvironment OfProcess() => new()
    {
        // Console.Out flushes at each write; thousands of lines go out in blocks. The command line flushes at its end.
        Output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: 16 * 1024) { AutoFlush = !Console.IsOutputRedirected },
        Error = Console.Error,
        GetVariable = Environment.GetEnvironmentVariable,
        ErrorIsTerminal = !Console.IsErrorRedirected,
    };
}
