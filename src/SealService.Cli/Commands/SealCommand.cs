using System.CommandLine;
using System.Globalization;
using SealService.Cli.Files;
using SealService.Cli.Keys;
using SealService.Cli.Output;
using SealService.Cli.Sealing;
using SealService.Client;

namespace SealService.Cli.Commands;

/// <summary><c>seal seal PATH...</c></summary>
internal static class SealCommand
{
    private const int JobsMax = SealClientOptions.ConnectionsMax;

    public static Command Create(CommandEnvironment environment)
    {
        var paths = SharedOptions.Paths("PATH", "Files, and folders with everything in them.");
        var server = new ServerOptions();
        var receipts = new Option<string?>("--receipts")
        {
            Description = "Keep the receipts under this folder, at the documents' relative paths; default is beside each document.",
            HelpName = "DIR",
        };
        var jobs = new Option<int>("--jobs")
        {
            Description = $"Connections to the server, and files that are read and receipts that are written at once, 1 to {JobsMax}.",
            HelpName = "N",
            DefaultValueFactory = static _ => Math.Clamp(Environment.ProcessorCount, 1, 4),
            CustomParser = SharedOptions.WholeNumber(1, JobsMax),
        };
        var documentId = new Option<string>("--document-id")
        {
            Description = "An identifier to find the entries by later. It stays in the ledger in clear for ever: nothing personal.",
            HelpName = "ID",
            DefaultValueFactory = static _ => "",
        };
        var key = SharedOptions.Key();
        var json = SharedOptions.Json();
        var command = new Command(
            "seal",
            "Seal files and folders. Each gets a receipt NAME.tlog-proof. A file whose receipt matches already is skipped, so a "
            + "run that was cut off can simply be started again; nothing is sealed twice.")
        {
            paths, receipts, jobs, documentId, key, json,
        };
        server.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var files = DocumentFiles.Enumerate(parsed.GetRequiredValue(paths));
            var writer = new ResultWriter(environment, parsed.GetValue(json));
            var lanes = parsed.GetValue(jobs);
            var options = server.Read(parsed, environment) with { Connections = lanes };
            var given = KeyArguments.Read(parsed.GetValue(key));
            await using var asking = new SealClient(options with { Connections = 1 });
            var (origin, keys) = await LedgerTrust.ForSealingAsync(asking, given, environment, writer, cancellationToken);
            await using var client = new SealClient(options with { TrustedKeys = keys });
            await client.Ledger.GetCheckpointAsync(cancellationToken); // also where nothing is left to seal: another ledger may have the origin
            var counts = new SealCounts();
            var receiptPaths = new ReceiptPaths(parsed.GetValue(receipts));
            var run = new SealRun(client, origin, keys, receiptPaths, parsed.GetValue(documentId) ?? "", lanes, writer, counts);
            return await RunAsync(run, files, counts, writer, environment, cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(
        SealRun run,
        IEnumerable<DocumentFile> files,
        SealCounts counts,
        ResultWriter writer,
        CommandEnvironment environment,
        CancellationToken cancellationToken)
    {
        var start = environment.TimeProvider.GetTimestamp();
        SealSummaryJson Summarize(bool interrupted) => counts.ToSummary(environment.TimeProvider.GetElapsedTime(start), interrupted);
        var isComplete = false;
        try
        {
            await using var progress = new ProgressReporter(environment, () => Describe(Summarize(interrupted: false)));
            await run.RunAsync(files, cancellationToken);
            isComplete = true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            writer.WriteNote("Interrupted. Start it again to go on: what is sealed is not sealed twice.");
            return ExitCode.Interrupted;
        }
        finally
        {
            var summary = Summarize(interrupted: !isComplete);
            writer.WriteText(Describe(summary));
            writer.WriteJson(summary);
        }

        return counts.Failed > 0 ? ExitCode.Failed
            : counts.Documents > 0 ? ExitCode.Done
            : throw CommandException.Usage("There is no document to seal at these paths.");
    }

    private static string Describe(SealSummaryJson s) => string.Create(
        CultureInfo.InvariantCulture,
        $"{s.Sealed} sealed, {s.AlreadySealed} sealed before, {s.Skipped} skipped, {s.Failed} failed{(s.Changed > 0 ? $", {s.Changed} changed" : "")}; "
        + $"{ByteSize.Format(s.Bytes)} in {s.Seconds:0.0} s, {s.DocumentsPerSecond:0} documents/s");
}
