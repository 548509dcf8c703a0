namespace SealService.Cli.Output;

/// <summary>
/// Says on stderr how far a long run is: on a terminal one line that is written over, elsewhere a line every few seconds.
/// Short runs say nothing.
/// </summary>
internal sealed class ProgressReporter : IAsyncDisposable
{
    private const string ClearLine = "\r\e[K";
    private static readonly TimeSpan TerminalPeriod = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LogPeriod = TimeSpan.FromSeconds(5);

    private readonly CommandEnvironment _environment;
    private readonly Func<string> _describe;
    private readonly PeriodicTimer _timer;
    private readonly Task _loop;

    /// <param name="describe">Gives the line; called from another thread.</param>
    public ProgressReporter(CommandEnvironment environment, Func<string> describe)
    {
        _environment = environment;
        _describe = describe;
        _timer = new PeriodicTimer(environment.ErrorIsTerminal ? TerminalPeriod : LogPeriod, environment.TimeProvider);
        _loop = RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _loop;
        if (_environment.ErrorIsTerminal)
        {
            await _environment.Error.WriteAsync(ClearLine);
        }
    }

    private async Task RunAsync()
    {
        while (await _timer.WaitForNextTickAsync())
        {
            await _environment.Error.WriteAsync(_environment.ErrorIsTerminal ? $"{ClearLine}{_describe()}" : $"{_describe()}{Environment.NewLine}");
        }
    }
}
