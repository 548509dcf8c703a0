using System.CommandLine;
using SealService.EchoLoad;
using SealService.LoadTests.Reports;
using SealService.LoadTests.Servers;

const int ExitThresholdBroken = 1;

var cpp = new Argument<string>("cpp-server") { Description = "The gRPC C++ echo server." };
var rounds = new Option<int>("--rounds") { Description = "Rounds; each measures every target once.", DefaultValueFactory = _ => 15 };
var duration = new Option<double>("--duration") { Description = "Seconds that a target is measured in a round.", DefaultValueFactory = _ => 0.35 };
var warmUp = new Option<double>("--warm-up") { Description = "Seconds before that.", DefaultValueFactory = _ => 0.1 };
var first = new Option<double>("--first-warm-up") { Description = "Seconds of load before the first round, for each target.", DefaultValueFactory = _ => 1 };
var calls = new Option<int>("--calls") { Description = "Unary calls at a time on a connection.", DefaultValueFactory = _ => 25 };
var inFlight = new Option<int>("--in-flight") { Description = "Messages in flight on a stream.", DefaultValueFactory = _ => 256 };
var only = new Option<string>("--only") { Description = "Measures only the targets with this in their names.", DefaultValueFactory = _ => "" };
var publish = new Option<string?>("--publish") { Description = "A Markdown file whose section perf:grpc is rewritten." };
var command = new RootCommand("Compares the gRPC layer with bare Kestrel and with gRPC C++; exit code 1 when a threshold is broken.")
{
    cpp, rounds, duration, warmUp, first, calls, inFlight, only, publish,
};
command.SetAction(async (parse, cancellationToken) =>
{
    var machine = Machine.Capture();
    var shape = new EchoShape(parse.GetValue(calls), parse.GetValue(inFlight), MessageBytes: 1024);
    await using var ours = await ServerProcess.StartOtherAsync(Checkout.Executable("SealService.EchoServer"));
    await using var cppAsync = await ServerProcess.StartOtherAsync(parse.GetValue(cpp)!, "async");
    await using var cppSync = await ServerProcess.StartOtherAsync(parse.GetValue(cpp)!, "sync");
    var run = new EchoRun(new Dictionary<EchoServerKind, ServerProcess> { [EchoServerKind.Ours] = ours, [EchoServerKind.CppAsync] = cppAsync, [EchoServerKind.CppSync] = cppSync }, shape);
    var targets = EchoTarget.All.Where(target => target.Name.Contains(parse.GetValue(only)!, StringComparison.OrdinalIgnoreCase)).ToList();
    var samples = targets.ToDictionary(target => target, _ => new List<EchoSample>());
    foreach (var target in targets)
    {
        await run.CheckAsync(target);
        await run.MeasureAsync(target, TimeSpan.Zero, TimeSpan.FromSeconds(parse.GetValue(first)));
    }

    for (var round = 0; round < parse.GetValue(rounds); round++)
    {
        foreach (var target in targets)
        {
            samples[target].Add(await run.MeasureAsync(target, TimeSpan.FromSeconds(parse.GetValue(warmUp)), TimeSpan.FromSeconds(parse.GetValue(duration))));
        }
    }

    var report = new EchoReport(targets, samples);
    var markdown = report.Markdown(machine, DateTimeOffset.UtcNow, shape);
    await Console.Error.WriteLineAsync(markdown);
    foreach (var line in report.JsonLines())
    {
        Console.WriteLine(line);
    }

    if (parse.GetValue(publish) is { } file)
    {
        await PublishedTables.RewriteAsync(file, "grpc", markdown, cancellationToken);
    }

    return report.Passed ? 0 : ExitThresholdBroken;
});
return await command.Parse(args).InvokeAsync();
