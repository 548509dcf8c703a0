using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace SealService.LoadTests.Servers;

/// <summary>A server in a process of its own, on free loopback ports.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly string? _dataFolder;
    private readonly StringBuilder _log; // guarded by itself

    private ServerProcess(Process process, string? dataFolder, StringBuilder log, string grpcAddress, string httpAddress)
    {
        _process = process;
        _dataFolder = dataFolder;
        _log = log;
        GrpcAddress = grpcAddress;
        HttpAddress = httpAddress;
    }

    /// <summary>host:port of gRPC.</summary>
    public string GrpcAddress { get; }

    /// <summary>host:port of <c>/metrics</c>; "-" when the server has none.</summary>
    public string HttpAddress { get; }

    public int ProcessId => _process.Id;

    /// <summary>Starts the service itself with an empty ledger; its data folder goes away with it.</summary>
    public static Task<ServerProcess> StartServiceAsync(string dataFolder, IReadOnlyDictionary<string, string> environment)
    {
        Directory.CreateDirectory(dataFolder);
        var settings = new Dictionary<string, string>(environment, StringComparer.Ordinal)
        {
            ["Seal__Listen__Grpc"] = "127.0.0.1:0",
            ["Seal__Listen__Http"] = "127.0.0.1:0",
            ["Seal__Ledgers__0__Name"] = "default",
            ["Seal__Ledgers__0__Origin"] = "seal.test/load",
            ["Seal__Ledgers__0__Folder"] = Path.Combine(dataFolder, "ledger"),
        };
        return StartAsync(Checkout.Executable("SealService"), [], dataFolder, settings);
    }

    /// <summary>Starts a baseline: <c>null</c> or <c>hash-only</c>.</summary>
    public static Task<ServerProcess> StartBaselineAsync(string baseline) =>
        StartOtherAsync(Checkout.Executable("SealService.BaselineServer"), baseline);

    /// <summary>Starts any program that says that it is ready in the service's words.</summary>
    public static Task<ServerProcess> StartOtherAsync(string executable, params string[] arguments) =>
        StartAsync(executable, arguments, null, new Dictionary<string, string>(StringComparer.Ordinal));

    /// <summary>Stops the server as an operator would, and deletes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using (var kill = Process.Start("kill", ["-TERM", FormattableString.Invariant($"{_process.Id}")]))
            {
                await kill.WaitForExitAsync();
            }

            using var timeout = new CancellationTokenSource(StopTimeout);
            try
            {
                await _process.WaitForExitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
        if (_dataFolder is not null)
        {
            Directory.Delete(_dataFolder, recursive: true);
        }
    }

    private static async Task<ServerProcess> StartAsync(string executable, string[] arguments, string? dataFolder, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(executable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = dataFolder ?? Checkout.Root };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var log = new StringBuilder();
        var ready = new TaskCompletionSource<Match>(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{executable} did not start.");
        process.OutputDataReceived += Take;
        process.ErrorDataReceived += Take;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var exited = process.WaitForExitAsync();
        if (await Task.WhenAny(ready.Task, exited, Task.Delay(StartTimeout)) != ready.Task)
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            await exited;
            lock (log)
            {
                throw new InvalidOperationException($"{executable} was not ready within {StartTimeout.TotalSeconds} s:\n{log}");
            }
        }

        var match = await ready.Task;
        return new ServerProcess(process, dataFolder, log, match.Groups["grpc"].Value, match.Groups["http"].Value);

        void Take(object sender, DataReceivedEventArgs line)
        {
            lock (log)
            {
                log.AppendLine(line.Data);
            }

            if (line.Data is { } text && ReadyLine().Match(text) is { Success: true } found)
            {
                ready.TrySetResult(found);
            }
        }
    }

    /// <summary>What the server has printed so far.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    [GeneratedRegex(@"is ready: gRPC on (?<grpc>[0-9.:\[\]]+), HTTP on (?<http>[0-9.:\[\]-]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ReadyLine();
}
