using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Security.Cryptography;
using Grpc.Core;
using SealService.Cli.Commands;
using SealService.Cli.Output;
using SealService.Client;

namespace SealService.Cli;

/// <summary>The command tree, and the one place where errors become sentences and exit codes.</summary>
internal static class SealCommandLine
{
    /// <summary>
    /// The root's name. The parser wants a root and its verbs to have different names, and 'seal' is a verb of 'seal'; so the root
    /// has a name that nobody types, and help is printed with the right one.
    /// </summary>
    private const string RootName = "(seal)";

    public static async Task<int> RunAsync(string[] args, CommandEnvironment environment)
    {
        var parsed = CreateRoot(environment).Parse(args);
        var asJson = args.Contains(SharedOptions.JsonName, StringComparer.Ordinal);
        var writer = new ResultWriter(environment, asJson);
        try
        {
            if (parsed.Action is ParseErrorAction || parsed.Errors.Count > 0)
            {
                throw CommandException.Usage($"{string.Join(' ', parsed.Errors.Select(e => e.Message))} See '{NameOf(parsed.CommandResult)} --help'.");
            }

            using var help = new StringWriter();
            var configuration = new InvocationConfiguration
            {
                Output = help,
                Error = environment.Error,
                EnableDefaultExceptionHandler = false,
            };
            var exitCode = await parsed.InvokeAsync(configuration);
            await environment.Output.WriteAsync(help.ToString().Replace(RootName, "seal", StringComparison.Ordinal));
            return exitCode;
        }
        catch (Exception e) when (Explain(e) is { } explained)
        {
            writer.WriteError(explained);
            return explained.ExitCode;
        }
        finally
        {
            await environment.Output.FlushAsync();
        }
    }

    private static Command CreateRoot(CommandEnvironment environment) => new(
        RootName,
        "Seals documents with a SealService server and verifies them offline. "
        + "Exit codes: 0 done or valid, 1 not valid, 2 wrong usage, 3 server unreachable or failed, 130 interrupted.")
    {
        new HelpOption(),
        new VersionOption(),
        SealCommand.Create(environment),
        VerifyCommand.Create(environment),
        LogCommand.Create(environment),
        KeysCommand.Create(environment),
        StatusCommand.Create(environment),
    };

    private static string NameOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{NameOf(parent)} {command.Command.Name}" : "seal";

    /// <summary>The error as the user is told it; null for a bug, which may show where it is.</summary>
    private static ErrorReport? Explain(Exception e) => e switch
    {
        CommandException c => new(c.ExitCode, c.ExitCode == ExitCode.Usage ? "USAGE" : c.ExitCode == ExitCode.NotValid ? "NOT_VALID" : "FAILED", c.Message),
        RpcException r => ServerErrors.Explain(r),
        InvalidAnswerException i => new(ExitCode.NotValid, "INVALID_ANSWER", $"The server's answer does not verify: {i.Message}"),
        OperationCanceledException => new(ExitCode.Interrupted, "INTERRUPTED", "Interrupted."),
        FileNotFoundException or DirectoryNotFoundException => new(ExitCode.Usage, "NOT_FOUND", e.Message),
        IOException or UnauthorizedAccessException or CryptographicException => new(ExitCode.Failed, "FAILED", e.Message),
        _ => null,
    };
}
