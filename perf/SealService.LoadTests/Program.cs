using System.Diagnostics;
using SealService.LoadTests.Servers;
using SealService.LoadTests.Traffic;

// temporary driver
var size = int.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture);
var work = Checkout.PathOf("artifacts", "perf", "work");
var token = await SoftHsmToken.ProvisionAsync(Path.Combine(work, "hsm"));
await using var nul = await ServerProcess.StartBaselineAsync("null");
await using var hash = await ServerProcess.StartBaselineAsync("hash-only");
await using var seal = await ServerProcess.StartServiceAsync(Path.Combine(work, "data"), await token.EnvironmentAsync(null));
var doc = new byte[size];
new Random(1).NextBytes(doc);
for (var round = 0; round < int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture); round++)
{
    foreach (var (name, server) in new[] { ("null", nul), ("hash", hash), ("seal", seal) })
    {
        using var probe = new ServerProbe(server);
        var context = new TrafficContext { Address = server.GrpcAddress, Connections = 4, Seed = 1, Sampler = null };
        TrafficSource traffic = args[2] == "digests" ? new StreamTraffic { Frames = (i, s) => new DigestFrames(i, s), Window = 16384 } : new StreamTraffic { Frames = (i, s) => new DocumentFrames([doc], i), Window = int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture) };
        using var stop = new CancellationTokenSource();
        var running = traffic.RunAsync(context, stop.Token);
        await Task.Delay(1500);
        var a = context.Meters.Read(); var t = Stopwatch.GetTimestamp(); var ra = await probe.ReadAsync(); var ca = ServerProbe.ReadCpuSeconds(Environment.ProcessId);
        await Task.Delay(3000);
        var b = context.Meters.Read().Since(a); var secs = Stopwatch.GetElapsedTime(t).TotalSeconds; var rb = await probe.ReadAsync(); var cb = ServerProbe.ReadCpuSeconds(Environment.ProcessId);
        await stop.CancelAsync();
        await running;
        Console.WriteLine($"{name} {b.Documents / secs:F0}/s p50 {b.Latencies.PercentileMs(0.5):F2} p99 {b.Latencies.PercentileMs(0.99):F2} err {b.Errors} {context.Meters.FirstError} sig {rb.Signatures - ra.Signatures} batches {rb.Batches-ra.Batches} rss {rb.RssMib:F0} cpu srv {(rb.CpuSeconds - ra.CpuSeconds)/secs:F2} cli {(cb - ca)/secs:F2} alloc/doc {(rb.AllocatedBytes - ra.AllocatedBytes)/Math.Max(1,b.Documents):F1} sign {(rb.SignSeconds-ra.SignSeconds)/Math.Max(1,rb.Batches-ra.Batches)*1000:F2}ms commit {(rb.CommitSeconds-ra.CommitSeconds)/Math.Max(1,rb.Batches-ra.Batches)*1000:F2}ms");
    }
}
