using System.CommandLine;
using System.Text.Json;
using SealService.LoadTests.Reports;
using SealService.LoadTests.Running;
using SealService.LoadTests.Scenarios;
using SealService.LoadTests.Servers;

namespace SealService.LoadTests;

/// <summary>The commands: <c>run</c>, <c>list</c>, <c>compare</c>, <c>publish</c>.</summary>
internal static class LoadCommandLine
{
    private const int ExitThresholdBroken = 1;
    private const int ExitUsage = 2;

    /// <summary>The process's exit code: 1 when a threshold is broken, 2 for a wrong command line.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Measures SealService against the same transport without its work.") { CreateRun(), CreateList(), CreateCompare(), CreatePublish() };
        var parsed = root.Parse(args);
        foreach (var error in parsed.Errors)
        {
            await Console.Error.WriteLineAsync(error.Message);
        }

        if (parsed.Errors.Count > 0)
        {
            return ExitUsage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitUsage;
        }
    }

    private static Command CreateRun()
    {
        var names = new Argument<string[]>("scenario") { Description = "The scenarios to run (default: all).", Arity = ArgumentArity.ZeroOrMore };
        var output = new Option<string?>("--out") { Description = "Folder for the reports (default: artifacts/perf/<time>)." };
        var work = new Option<string>("--work") { Description = "Folder for the token and the ledgers; on the disk that is to be measured.", DefaultValueFactory = _ => Checkout.PathOf("artifacts", "perf", "work") };
        var seed = new Option<int>("--seed") { Description = "Of everything random.", DefaultValueFactory = _ => 20261121 };
        var ignoreThresholds = new Option<bool>("--ignore-thresholds") { Description = "Exit with 0 even when a threshold is broken: for machines that are busy." };
        var shape = new LoadShapeOptions();
        var command = new Command("run", "Runs scenarios and writes reports; exit code 1 when a threshold is broken.") { names, output, work, seed, ignoreThresholds };
        shape.AddTo(command);
        command.SetAction(async (parse, cancellationToken) =>
        {
            var scenarios = Catalog.Create(shape.Read(parse));
            var chosen = parse.GetValue(names) is { Length: > 0 } given ? given : [.. scenarios.Select(s => s.Name)];
            if (chosen.FirstOrDefault(name => scenarios.All(s => s.Name != name)) is { } unknown)
            {
                await Console.Error.WriteLineAsync($"There is no scenario '{unknown}'; 'list' names them.");
                return ExitUsage;
            }

            var started = DateTimeOffset.UtcNow;
            var report = await RunAllAsync(
                scenarios.Where(s => chosen.Contains(s.Name)),
                parse.GetValue(work)!,
                parse.GetValue(seed),
                started,
                cancellationToken);
            var reports = parse.GetValue(output) ?? Checkout.PathOf("artifacts", "perf", started.ToString("yyyyMMdd-HHmmss", System.Globalization.CultureInfo.InvariantCulture));
            await report.SaveAsync(reports, cancellationToken);
            await Console.Error.WriteLineAsync($"\n{report.Machine}\n\n{ResultText.Table(report.Results)}\nReports: {reports}");
            return report.Results.All(r => r.Passed) || parse.GetValue(ignoreThresholds) ? 0 : ExitThresholdBroken;
        });
        return command;
    }

    private static async Task<Report> RunAllAsync(IEnumerable<Scenario> scenarios, string work, int seed, DateTimeOffset started, CancellationToken cancellationToken)
    {
        var machine = Machine.Capture();
        var progress = new ConsoleProgress();
        progress.Report("provisioning the token");
        var token = await SoftHsmToken.ProvisionAsync(Path.Combine(work, "hsm"));
        var data = Path.Combine(work, FormattableString.Invariant($"data-{Environment.ProcessId}"));
        await using var fleet = new TargetFleet(token, data, progress);
        var runner = new ScenarioRunner(fleet, seed, progress);
        var results = new List<ScenarioResult>();
        try
        {
            foreach (var scenario in scenarios)
            {
                var result = await runner.RunAsync(scenario, cancellationToken);
                results.Add(result);
                progress.End();
                Console.WriteLine(ResultText.JsonLine(result));
            }
        }
        finally
        {
            if (Directory.Exists(data))
            {
                Directory.Delete(data, recursive: true);
            }
        }

        return new Report
        {
            StartedAt = started,
            Machine = machine,
            Configuration = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["command line"] = string.Join(' ', Environment.GetCommandLineArgs().Skip(1)),
                ["seed"] = FormattableString.Invariant($"{seed}"),
                ["ledger"] = "SoftHSM, Ed25519; FasterLog in " + Path.GetFullPath(work),
            },
            Results = results,
        };
    }

    private static Command CreateList()
    {
        var command = new Command("list", "Lists the scenarios with their thresholds.");
        command.SetAction(_ =>
        {
            foreach (var scenario in Catalog.Create(new LoadShape { Folder = LoadShapeOptions.DocumentsDefault }))
            {
                Console.WriteLine($"{scenario.Name,-18} {scenario.Summary}");
                Console.WriteLine($"{"",-18} {string.Join("; ", scenario.Thresholds)}");
            }
        });
        return command;
    }

    private static Command CreateCompare()
    {
        var a = new Argument<string>("A") { Description = "results.json of one run, or its folder." };
        var b = new Argument<string>("B") { Description = "results.json of another run, or its folder." };
        var command = new Command("compare", "Compares two runs.") { a, b };
        command.SetAction(async (parse, cancellationToken) =>
            Console.Write(Comparison.Format(await Report.LoadAsync(parse.GetValue(a)!, cancellationToken), await Report.LoadAsync(parse.GetValue(b)!, cancellationToken))));
        return command;
    }

    private static Command CreatePublish()
    {
        var results = new Argument<string>("results") { Description = "results.json of a run, or its folder." };
        var files = new Argument<string[]>("file") { Description = "Markdown files with sections between <!-- perf:NAME --> and <!-- /perf:NAME -->.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("publish", "Puts a run's results into Markdown files.") { results, files };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var report = await Report.LoadAsync(parse.GetValue(results)!, cancellationToken);
            foreach (var file in parse.GetValue(files)!)
            {
                Console.WriteLine($"{file}: {await PublishedTables.RewriteAsync(file, report, cancellationToken)} sections");
            }
        });
        return command;
    }
}
