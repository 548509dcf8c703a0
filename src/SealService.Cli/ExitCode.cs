namespace SealService.Cli;

/// <summary>What the process returns; part of the command's contract (README.md).</summary>
internal static class ExitCode
{
    /// <summary>Everything was done, or is valid.</summary>
    public const int Done = 0;

    /// <summary>Something is not valid: a receipt, a proof, a key, or an answer of the server.</summary>
    public const int NotValid = 1;

    /// <summary>The command line is wrong, or names a file that is not there.</summary>
    public const int Usage = 2;

    /// <summary>The server was not reached or refused, or some document could not be sealed.</summary>
    public const int Failed = 3;

    /// <summary>Ctrl-C or SIGTERM: 128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;
}
