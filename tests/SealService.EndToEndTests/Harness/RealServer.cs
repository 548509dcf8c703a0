using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace SealService.EndToEndTests.Harness;

/// <summary>The server's own executable on free loopback ports, with a token and a data folder; can be stopped, killed and started again.</summary>
public sealed partial class RealServer : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly SoftHsm _hsm;
    private readonly StringBuilder _log = new(); // guarded by itself
    private readonly Dictionary<string, string> _settings;
    private Process? _process;
    private Task _reading = Task.CompletedTask; // of its output, to the end

    public RealServer(SoftHsm hsm, string? dataFolder = null, IReadOnlyDictionary<string, string>? settings = null)
    {
        _hsm = hsm;
        DataFolder = dataFolder ?? Directory.CreateTempSubdirectory("seal-data-").FullName;
        _settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Seal__Listen__Grpc"] = "127.0.0.1:0",
            ["Seal__Listen__Http"] = "127.0.0.1:0",
            ["Seal__Hsm__Module"] = hsm.Module,
            ["Seal__Hsm__TokenLabel"] = "seal",
            ["Seal__Hsm__PinFile"] = hsm.PinFile,
            ["Seal__Ledgers__0__Name"] = "default",
            ["Seal__Ledgers__0__Origin"] = Origin,
            ["Seal__Ledgers__0__Folder"] = Path.Combine(DataFolder, "ledger"),
        };
        foreach (var (key, value) in settings ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            _settings[key] = value;
        }
    }

    /// <summary>The origin of the only ledger.</summary>
    public const string Origin = "seal.test/end-to-end";

    public string DataFolder { get; }

    /// <summary>host:port of gRPC; the same again after a restart.</summary>
    public string GrpcAddress { get; private set; } = "";

    public string HttpAddress { get; private set; } = "";

    public string Url => "http://" + GrpcAddress;

    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("The server is not running.");

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

    /// <summary>Starts the server and waits until it says that it is ready.</summary>
    public async Task StartAsync()
    {
        var result = await TryStartAsync();
        Assert.True(result is null, $"The server did not start: exit code {result}\n{Log}");
    }

    /// <summary>Starts the server; null when it is ready, else its exit code.</summary>
    public async Task<int?> TryStartAsync()
    {
        var start = new ProcessStartInfo(Repository.Server) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = DataFolder };
        foreach (var (name, value) in _hsm.Environment.Concat(_settings))
        {
            start.Environment[name] = value;
        }

        var ready = new TaskCompletionSource<Match>(TaskCreationOptions.RunContinuationsAsynchronously);
        _process = Process.Start(start) ?? throw new InvalidOperationException("The server did not start.");
        _reading = Task.WhenAll(new[] { _process.StandardOutput, _process.StandardError }.Select(stream => Task.Run(() => ReadAsync(stream, ready))));
        var exited = _process.WaitForExitAsync();
        var first = await Task.WhenAny(ready.Task, exited, Task.Delay(StartTimeout));
        if (first == ready.Task)
        {
            var match = await ready.Task;
            GrpcAddress = match.Groups["grpc"].Value;
            HttpAddress = match.Groups["http"].Value;
            // A restart must be found where the server was.
            _settings["Seal__Listen__Grpc"] = GrpcAddress;
            _settings["Seal__Listen__Http"] = HttpAddress;
            return null;
        }

        if (first != exited)
        {
            Kill();
            throw new TimeoutException($"The server was not ready within {StartTimeout}.\n{Log}");
        }

        await _reading;
        return _process.ExitCode;
    }

    /// <summary>Runs another verb of the server's executable with the same configuration.</summary>
    internal Task<ProgramResult> RunVerbAsync(string verb) => Repository.RunAsync(
        Repository.Server, [verb], _hsm.Environment.Concat(_settings).ToDictionary(StringComparer.Ordinal), DataFolder);

    /// <summary>Sends SIGTERM and waits for the end; the exit code.</summary>
    public async Task<int> StopAsync()
    {
        Signal("TERM");
        return await WaitForExitAsync();
    }

    /// <summary>Waits for the end of the process; its exit code.</summary>
    public async Task<int> WaitForExitAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await _process!.WaitForExitAsync(timeout.Token);
        await _reading.WaitAsync(timeout.Token); // its last lines come after its end
        return _process.ExitCode;
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            _process.WaitForExit();
        }
    }

    public void Signal(string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, ProcessId.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public ValueTask DisposeAsync()
    {
        Kill();
        _process?.Dispose();
        Directory.Delete(DataFolder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task ReadAsync(StreamReader stream, TaskCompletionSource<Match> ready)
    {
        while (await stream.ReadLineAsync() is { } line)
        {
            lock (_log)
            {
                _log.AppendLine(line);
            }

            if (ReadyLine().Match(line) is { Success: true } match)
            {
                ready.TrySetResult(match);
            }
        }
    }

    [GeneratedRegex(@"is ready: gRPC on (?<grpc>[0-9.:\[\]]+), HTTP on (?<http>[0-9.:\[\]]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ReadyLine();
}
