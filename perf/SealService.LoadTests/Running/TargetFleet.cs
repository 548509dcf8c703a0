using SealService.LoadTests.Scenarios;
using SealService.LoadTests.Servers;
using SealService.LoadTests.Traffic;
using SealService.LoadTests.Transport;
using SealService.Merkle;

namespace SealService.LoadTests.Running;

/// <summary>
/// The servers that run. Those of a scenario run side by side, idle until it is their turn. Baselines keep no state and stay for the whole
/// suite; the service starts anew for each scenario.
/// </summary>
internal sealed class TargetFleet(SoftHsmToken token, string dataFolder, IProgress<string> progress) : IAsyncDisposable
{
    private readonly Dictionary<Target, RunningTarget> _running = [];

    /// <summary>Where the services keep their ledgers.</summary>
    public string DataFolder => dataFolder;

    public RunningTarget this[Target target] => _running[target];

    /// <summary>Starts what the scenario needs and does not run yet.</summary>
    public async Task StartAsync(Scenario scenario, CancellationToken cancellationToken)
    {
        foreach (var target in scenario.Targets.Where(t => !_running.ContainsKey(t)))
        {
            progress.Report($"starting {target.Name}");
            var server = target.Baseline is { } baseline
                ? await ServerProcess.StartBaselineAsync(baseline)
                : await ServerProcess.StartServiceAsync(Path.Combine(dataFolder, target.Name), await token.EnvironmentAsync(target.Hsm));
            var running = new RunningTarget(target, server);
            _running.Add(target, running);
            if (target.Baseline is null)
            {
                await running.LearnKeyAsync(cancellationToken);
                await running.FillAsync(progress, cancellationToken);
            }

            running.IdleRssMib = (await running.Probe.ReadAsync(cancellationToken)).RssMib;
        }
    }

    /// <summary>Ends what has state.</summary>
    public async Task StopServicesAsync()
    {
        foreach (var target in _running.Values.Where(t => t.Target.Baseline is null).ToList())
        {
            await StopAsync(target);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var target in _running.Values.ToList())
        {
            await StopAsync(target);
        }
    }

    private async Task StopAsync(RunningTarget target)
    {
        _running.Remove(target.Target);
        target.Probe.Dispose();
        await target.Server.DisposeAsync();
    }
}

/// <summary>A server that is running, and what the suite knows of it.</summary>
internal sealed class RunningTarget(Target target, ServerProcess server)
{
    private static readonly TimeSpan FillTimeout = TimeSpan.FromMinutes(5);

    public Target Target => target;

    public ServerProcess Server => server;

    public ServerProbe Probe { get; } = new(server);

    /// <summary>The ledger's key; null for a baseline.</summary>
    public VerifierKey? Key { get; private set; }

    /// <summary>The resident set before the first run.</summary>
    public double IdleRssMib { get; set; }

    /// <summary>It has run before, so that its code is compiled.</summary>
    public bool IsWarm { get; set; }

    public async Task LearnKeyAsync(CancellationToken cancellationToken)
    {
        using var connection = new GrpcConnection(server.GrpcAddress);
        var answer = await connection.CallAsync("/seal.v1.Keys/ListKeys", ReadTraffic.Frame(new Seal.V1.ListKeysRequest()), cancellationToken);
        var text = Seal.V1.ListKeysResponse.Parser.ParseFrom(answer.AsSpan(GrpcResponses.PrefixBytes)).Keys[0].Vkey;
        Key = VerifierKey.TryParse(text, out var key, out var error) ? key : throw new InvalidOperationException($"The key of {target.Name} can't be read: {error}");
    }

    /// <summary>Gives the ledger the entries that the scenario wants it to have.</summary>
    public async Task FillAsync(IProgress<string> progress, CancellationToken cancellationToken)
    {
        if (target.EntriesBefore == 0)
        {
            return;
        }

        var context = new TrafficContext { Address = server.GrpcAddress, Connections = 2, Seed = 0, Sampler = null };
        using var full = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        full.CancelAfter(FillTimeout);
        var filling = new StreamTraffic { Frames = static (stream, seed) => new DigestFrames(stream, seed), Window = 1 << 15 }.RunAsync(context, full.Token);
        long entries;
        while ((entries = context.Meters.Read().Documents) < target.EntriesBefore && !full.IsCancellationRequested && !filling.IsCompleted)
        {
            progress.Report(FormattableString.Invariant($"filling {target.Name}: {entries:N0} of {target.EntriesBefore:N0} entries"));
            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
        }

        await full.CancelAsync();
        await filling;
        if (context.Meters.Read().Documents < target.EntriesBefore)
        {
            throw new InvalidOperationException($"{target.Name} could not be filled: {context.Meters.FirstError ?? "it took too long"}");
        }
    }
}
