using System.Diagnostics;

namespace SealService.LoadTests.Running;

/// <summary>Progress on standard error: one line that changes on a terminal, else a line every few seconds.</summary>
internal sealed class ConsoleProgress : IProgress<string>
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    private long _lastLine;
    private int _width;

    public void Report(string value)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write("\r" + value.PadRight(_width));
            _width = value.Length;
        }
        else if (_lastLine == 0 || Stopwatch.GetElapsedTime(_lastLine) >= LineInterval)
        {
            Console.Error.WriteLine(value);
            _lastLine = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Ends the line, so that something else can be printed.</summary>
    public void End()
    {
        if (!Console.IsErrorRedirected && _width > 0)
        {
            Console.Error.Write("\r" + new string(' ', _width) + "\r");
            _width = 0;
        }
    }
}
