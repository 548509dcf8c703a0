using System.Diagnostics;
using SealService.LoadTests.Measuring;
using SealService.LoadTests.Scenarios;
using SealService.LoadTests.Servers;
using SealService.LoadTests.Traffic;

namespace SealService.LoadTests.Running;

/// <summary>
/// Runs a scenario: every target once in each round, so that what disturbs the machine disturbs them alike. The throughput of a target is the
/// median of its rounds, a ratio the median of the rounds' ratios.
/// </summary>
internal sealed class ScenarioRunner(TargetFleet fleet, int seed, IProgress<string> progress)
{
    // A server that runs for the first time has its hot code compiled twice, by the JIT's tiers.
    private static readonly TimeSpan FirstWarmUp = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan SampleInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CapacityDuration = TimeSpan.FromSeconds(2);

    public async Task<ScenarioResult> RunAsync(Scenario scenario, CancellationToken cancellationToken)
    {
        progress.Report($"{scenario.Name} · looking at disk and memory");
        var before = MachineState.Measure(fleet.DataFolder);
        var runs = new List<Run>();
        double idleRssMib;
        long verified;
        try
        {
            await fleet.StartAsync(scenario, cancellationToken);
            await scenario.Traffic.PrepareAsync(fleet[scenario.Subject].Server.GrpcAddress, cancellationToken);
            verified = await RunRoundsAsync(scenario, runs, cancellationToken);
            idleRssMib = fleet[scenario.Subject].IdleRssMib;
        }
        finally
        {
            await fleet.StopServicesAsync();
        }

        return ScenarioResult.Of(scenario, runs, idleRssMib, verified, before.OrWorse(MachineState.Measure(fleet.DataFolder)));
    }

    /// <summary>Adds the runs of all rounds, and gives how many receipts were verified beside them.</summary>
    private async Task<long> RunRoundsAsync(Scenario scenario, List<Run> runs, CancellationToken cancellationToken)
    {
        long verified = 0;
        for (var round = 1; round <= scenario.Rounds; round++)
        {
            foreach (var target in scenario.Targets.Select(t => fleet[t]))
            {
                await using var sampler = target.Key is { } key ? new ReceiptSampler(key) : null;
                runs.Add(await RunOnceAsync(scenario, target, round, sampler, cancellationToken));
                verified += sampler?.Verified ?? 0;
            }
        }

        return verified;
    }

    private async Task<Run> RunOnceAsync(Scenario scenario, RunningTarget target, int round, ReceiptSampler? sampler, CancellationToken cancellationToken)
    {
        var capacity = await MeasureCapacityAsync(scenario, target, cancellationToken);
        var context = CreateContext(scenario, target, sampler, capacity);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = scenario.Traffic.RunAsync(context, stopping.Token);
        // The measuring warms up with what it measures: its first readings have both processes compile for a part of a second.
        await SampleAsync(scenario, WarmUpOf(target, scenario.WarmUp), target, context, round, Stopwatch.GetTimestamp(), running, cancellationToken);
        target.IsWarm = true;

        var begin = Stopwatch.GetTimestamp();
        var workBefore = context.Meters.Read();
        var before = await target.Probe.ReadAsync(cancellationToken);
        var cpuBefore = ServerProbe.ReadCpuSeconds(Environment.ProcessId);
        var samples = await SampleAsync(scenario, scenario.Duration, target, context, round, begin, running, cancellationToken);
        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        var work = context.Meters.Read().Since(workBefore);
        var after = await target.Probe.ReadAsync(cancellationToken);
        var cpu = ServerProbe.ReadCpuSeconds(Environment.ProcessId) - cpuBefore;

        await stopping.CancelAsync();
        await running;
        return new Run
        {
            Target = target.Target,
            Round = round,
            Seconds = seconds,
            Work = work,
            Errors = context.Meters.Read().Errors,
            FirstError = context.Meters.FirstError,
            Before = before,
            After = after,
            GeneratorCpuSeconds = cpu,
            Samples = samples,
        };
    }

    private async Task<double> MeasureCapacityAsync(Scenario scenario, RunningTarget target, CancellationToken cancellationToken)
    {
        if (scenario.Traffic.InClosedLoop() is not { } traffic)
        {
            return 0;
        }

        progress.Report($"{scenario.Name} · {target.Target.Name} · measuring the capacity");
        var context = CreateContext(scenario, target, sampler: null, capacity: 0);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = traffic.RunAsync(context, stopping.Token);
        await Task.Delay(WarmUpOf(target, CapacityDuration / 2), cancellationToken);
        target.IsWarm = true;
        var before = context.Meters.Read();
        var begin = Stopwatch.GetTimestamp();
        await Task.Delay(CapacityDuration, cancellationToken);
        var capacity = context.Meters.Read().Since(before).Documents / Stopwatch.GetElapsedTime(begin).TotalSeconds;
        await stopping.CancelAsync();
        await running;
        return capacity;
    }

    private static TimeSpan WarmUpOf(RunningTarget target, TimeSpan usual) => target.IsWarm || usual > FirstWarmUp ? usual : FirstWarmUp;

    private TrafficContext CreateContext(Scenario scenario, RunningTarget target, ReceiptSampler? sampler, double capacity) => new()
    {
        Address = target.Server.GrpcAddress,
        Connections = scenario.Connections,
        Seed = seed,
        Sampler = sampler,
        Capacity = capacity,
    };

    // One sample an interval until the time is over, or the traffic ended by itself because the server is gone.
    private async Task<List<Sample>> SampleAsync(
        Scenario scenario, TimeSpan duration, RunningTarget target, TrafficContext context, int round, long begin, Task running, CancellationToken cancellationToken)
    {
        var samples = new List<Sample>();
        var work = context.Meters.Read();
        var server = await target.Probe.ReadAsync(cancellationToken);
        var at = begin;
        while (Stopwatch.GetElapsedTime(begin) < duration && !running.IsCompleted)
        {
            var rest = duration - Stopwatch.GetElapsedTime(begin);
            await Task.WhenAny(running, Task.Delay(rest < SampleInterval ? rest + TimeSpan.FromMilliseconds(1) : SampleInterval, cancellationToken));
            var (nextWork, nextServer, nextAt) = (context.Meters.Read(), await target.Probe.ReadAsync(cancellationToken), Stopwatch.GetTimestamp());
            var sample = Compare(work, nextWork, server, nextServer, Stopwatch.GetElapsedTime(at, nextAt).TotalSeconds, Stopwatch.GetElapsedTime(begin, nextAt).TotalSeconds);
            samples.Add(sample);
            progress.Report(FormattableString.Invariant(
                $"{scenario.Name} · {target.Target.Name} · round {round}/{scenario.Rounds} · {sample.AtSeconds:0}/{duration.TotalSeconds:0} s · {sample.DocumentsPerSecond:N0}/s · {sample.MegabytesPerSecond:N0} MB/s · p99 {sample.P99Ms:0.0} ms · {sample.RssMib:0} MiB"));
            (work, server, at) = (nextWork, nextServer, nextAt);
        }

        return samples;
    }

    private static Sample Compare(MeterReading work, MeterReading nextWork, ServerReading server, ServerReading nextServer, double seconds, double atSeconds)
    {
        const double BytesPerMegabyte = 1_000_000;
        var done = nextWork.Since(work);
        var batches = nextServer.Batches - server.Batches;
        return new Sample(
            atSeconds,
            done.Documents / seconds,
            done.Bytes / BytesPerMegabyte / seconds,
            done.Latencies.PercentileMs(0.5),
            done.Latencies.PercentileMs(0.99),
            nextServer.RssMib,
            (nextServer.Signatures - server.Signatures) / seconds,
            batches > 0 ? (nextServer.Entries - server.Entries) / batches : 0);
    }
}
