namespace SealService.Cli;

/// <summary>Ends a command with a sentence for its user and an exit code.</summary>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public static CommandException Usage(string message) => new(Cli.ExitCode.Usage, message);

    public static CommandException NotValid(string message) => new(Cli.ExitCode.NotValid, message);
}
