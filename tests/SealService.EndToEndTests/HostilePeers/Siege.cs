using System.Diagnostics;
using System.Globalization;
using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests.HostilePeers;

/// <summary>
/// Runs an attack on a server of its own while a well-behaved client seals, and asserts what docs/operations.md promises:
/// <code>
/// 1  the client's rate is measured undisturbed, then from the first byte of the attack until it has been held for a while
/// 2  the rate under attack is at least 80 % of the undisturbed one
/// 3  the server's resident memory stays within the case's bound above what it was
/// 4  when the attacker has gone, nothing of his is left running
/// 5  every document of the client is sealed, the server answers a new connection, and it stops cleanly
/// </code>
/// Step 1 is repeated up to three times, and the best ratio counts: on a small machine that others use too, noise can only lower it. An
/// attack that does harm does so every time.
/// </summary>
internal sealed class Siege
{
    private const double ThroughputKeptMin = 0.8;
    private const int AttemptsMax = 3;
    private static readonly TimeSpan ReachTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan UndisturbedDuration = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HoldDuration = TimeSpan.FromSeconds(1.5);

    /// <summary>What the well-behaved client has running.</summary>
    public const int ClientCalls = 1;

    private readonly TaskCompletionSource _established = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Siege(RealServer server) => Server = server;

    public RealServer Server { get; }

    /// <summary>Completes when the attack has been measured.</summary>
    public Task Over => _over.Task;

    /// <param name="hsm">The server's token.</param>
    /// <param name="memoryMibMax">The bound of resident memory above what it was.</param>
    /// <param name="attack">Attacks, and asserts how the server treats the attacker. Must call <see cref="HoldAsync"/> or <see cref="RepeatAsync"/>.</param>
    /// <param name="settings">The server's, where a default limit would make a test slow.</param>
    public static async Task RunAsync(SoftHsm hsm, int memoryMibMax, Func<Siege, Task> attack, Dictionary<string, string>? settings = null)
    {
        await using var server = new RealServer(hsm, settings: settings);
        await server.StartAsync();
        await using (var client = await SteadySealing.StartAsync(server))
        {
            await MeasureAsync(server, client, memoryMibMax, attack);
            await client.FinishAsync();
        }

        await AssertAnswersAsync(server);
        Assert.Equal(0, await server.StopAsync());
    }

    /// <summary>The attack stands as it is; waits until it has been measured.</summary>
    public Task HoldAsync()
    {
        _established.TrySetResult();
        return _over.Task;
    }

    /// <summary>Strikes so many times a second until that has been measured.</summary>
    public async Task RepeatAsync(int perSecond, Func<Task> strike)
    {
        _established.TrySetResult();
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / perSecond));
        while (!_over.Task.IsCompleted && await timer.WaitForNextTickAsync())
        {
            await strike();
        }
    }

    /// <summary>Waits until the server runs so many calls, the client's own among them, by its own count (<c>/metrics</c>).</summary>
    public static async Task CallsReachAsync(RealServer server, int count)
    {
        using var http = new HttpClient();
        var calls = -1;
        for (var began = Stopwatch.GetTimestamp(); calls != count; await Task.Delay(20, TestContext.Current.CancellationToken))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < ReachTimeout, $"The server runs {calls} calls, not {count}.");
            var metrics = await http.GetStringAsync($"http://{server.HttpAddress}/metrics", TestContext.Current.CancellationToken);
            calls = metrics.Split('\n').Where(l => l.StartsWith("seal_grpc_server_calls_active{", StringComparison.Ordinal))
                .Sum(l => int.Parse(l.AsSpan(l.LastIndexOf(' ')), CultureInfo.InvariantCulture));
        }
    }

    private static async Task MeasureAsync(RealServer server, SteadySealing client, int memoryMibMax, Func<Siege, Task> attack)
    {
        await using var memory = new ResidentMemory(server);
        var best = 0.0;
        var memoryBefore = 0L;
        for (var attempt = 0; attempt < AttemptsMax && best < ThroughputKeptMin; attempt++)
        {
            var undisturbed = await client.MeasureAsync(Task.Delay(UndisturbedDuration));
            memoryBefore = memoryBefore == 0 ? memory.PeakBytes : memoryBefore;
            var siege = new Siege(server);
            var attacking = Task.Run(() => attack(siege));
            var disturbed = await client.MeasureAsync(siege.HeldAsync(attacking));
            siege._over.SetResult();
            await attacking;
            await CallsReachAsync(server, ClientCalls);
            best = Math.Max(best, disturbed / undisturbed);
            Report($"attempt {attempt + 1}: {undisturbed:F0}/s undisturbed, {disturbed:F0}/s under attack");
        }

        var memoryMib = (memory.PeakBytes - memoryBefore) >> 20;
        Report($"memory {memoryBefore >> 20} MiB + {memoryMib} MiB");
        Assert.True(best >= ThroughputKeptMin, $"The client kept {best:P0} of its throughput.");
        Assert.True(memoryMib <= memoryMibMax, $"Memory rose by {memoryMib} MiB, over the bound of {memoryMibMax}.");
    }

    private async Task HeldAsync(Task attacking)
    {
        // An attack that fails early is reported by whoever awaits it.
        if (await Task.WhenAny(_established.Task, attacking) == _established.Task)
        {
            await Task.WhenAny(Task.Delay(HoldDuration), attacking);
        }
    }

    private static async Task AssertAnswersAsync(RealServer server)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        var answer = await new Seal.V1.Ledger.LedgerClient(channel).GetCheckpointAsync(new GetCheckpointRequest(), deadline: DateTime.UtcNow.AddSeconds(20));
        Assert.True(answer.Checkpoint.TreeSize > 0);
    }

    private static void Report(FormattableString line) =>
        TestContext.Current.TestOutputHelper?.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
