using System.CommandLine;
using System.Globalization;
using SealService.Cli.Files;
using SealService.Cli.Keys;
using SealService.Cli.Output;
using SealService.Cli.Verifying;
using SealService.Client;

namespace SealService.Cli.Commands;

/// <summary><c>seal verify FILE...</c>: no network, no server.</summary>
internal static class VerifyCommand
{
    public static Command Create(CommandEnvironment environment)
    {
        var paths = SharedOptions.Paths("FILE", "Documents, and folders with everything in them.");
        var receipt = new Option<string?>("--receipt")
        {
            Description = "The receipt of the one document, or the folder that --receipts of 'seal seal' was given; default is beside each document.",
            HelpName = "FILE|DIR",
        };
        var key = SharedOptions.Key();
        var trustOnFirstUse = new Option<bool>("--trust-on-first-use")
        {
            Description = "Without --key, go by the keys that 'seal seal' met on this machine. Whoever answered it then is believed.",
        };
        var json = SharedOptions.Json();
        var command = new Command(
            "verify",
            "Verify documents against their receipts, offline. A document is valid when its content is the one that was sealed, "
            + "and its entry is in a ledger whose head a trusted key has signed.")
        {
            paths, receipt, key, trustOnFirstUse, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var given = parsed.GetRequiredValue(paths);
            var files = DocumentFiles.Enumerate(given);
            var keys = KeyArguments.Read(parsed.GetValue(key));
            var writer = new ResultWriter(environment, parsed.GetValue(json));
            if (keys.Count == 0 && parsed.GetValue(trustOnFirstUse))
            {
                var known = KnownKeys.Load(environment);
                keys = known.All;
                writer.WriteNote($"Going by {keys.Count} key(s) that were trusted on first use ({known.RequirePath()}), not by --key.");
            }
            else if (keys.Count == 0)
            {
                writer.WriteNote(
                    "No key is trusted, so nothing can be valid: give the ledger's key with --key, or go by the one that "
                    + "'seal seal' met here with --trust-on-first-use.");
            }

            var run = new VerifyRun(new OfflineVerifier(keys), ReceiptPathOf(parsed.GetValue(receipt), given));
            return await RunAsync(run, files, writer, environment, cancellationToken);
        });
        return command;
    }

    /// <summary>How a document's receipt is found: --receipt as a file is for one document, as a folder for any number.</summary>
    private static Func<DocumentFile, string> ReceiptPathOf(string? receipt, string[] paths)
    {
        if (receipt is null || Directory.Exists(receipt))
        {
            return new ReceiptPaths(receipt).Of;
        }

        return paths.Length == 1 && !Directory.Exists(paths[0])
            ? _ => receipt
            : throw CommandException.Usage("--receipt with a file is for one document; for several give the folder of their receipts.");
    }

    private static async Task<int> RunAsync(
        VerifyRun run, IEnumerable<DocumentFile> files, ResultWriter writer, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        var start = environment.TimeProvider.GetTimestamp();
        long valid = 0;
        long notValid = 0;
        await using (new ProgressReporter(environment, () => $"{valid} valid, {notValid} not valid"))
        {
            await foreach (var document in run.RunAsync(files, cancellationToken))
            {
                _ = document.Verification.IsValid ? valid++ : notValid++;
                WriteText(document, writer);
                writer.WriteJson(ToJson(document));
            }
        }

        if (valid + notValid == 0)
        {
            throw CommandException.Usage("There is no document to verify at these paths.");
        }

        var seconds = environment.TimeProvider.GetElapsedTime(start).TotalSeconds;
        writer.WriteJson(new VerifySummaryJson("summary", valid + notValid, valid, notValid, Math.Round(seconds, 3)));
        if (valid + notValid > 1)
        {
            writer.WriteText(string.Create(CultureInfo.InvariantCulture, $"{valid} valid, {notValid} not valid; {seconds:0.0} s"));
        }

        return notValid == 0 ? ExitCode.Done : ExitCode.NotValid;
    }

    /// <summary>Every check of a document that was named or is not valid; of the others of a folder, nothing but the count.</summary>
    private static void WriteText(VerifiedDocument document, ResultWriter writer)
    {
        var (file, receiptPath, verification) = document;
        if (!file.IsNamed && verification.IsValid)
        {
            return;
        }

        writer.WriteText($"{(verification.IsValid ? "VALID    " : "NOT VALID")} {file.Path}");
        if (verification.Report is null)
        {
            writer.WriteText($"  receipt     failed   {verification.Problem}");
            return;
        }

        foreach (var check in verification.Report.Checks)
        {
            writer.WriteText($"  {NameOf(check.Kind),-11} {NameOf(check.Outcome),-8} {check.Detail}".TrimEnd());
        }

        if (verification.ReadEntry() is { } entry)
        {
            var what = verification.IsValid ? "sealed" : "not proven: sealed";
            writer.WriteText($"  {what} at {Timestamps.Format(entry.SealedAt)} as entry {verification.Receipt!.Index} ({receiptPath})");
        }
    }

    private static VerifiedDocumentJson ToJson(VerifiedDocument document)
    {
        var verification = document.Verification;
        var entry = verification.ReadEntry();
        return new(
            "document",
            document.File.Path,
            document.ReceiptPath,
            verification.IsValid ? "valid" : "not_valid",
            verification.Document?.Digest.ToString(),
            verification.Document?.SizeBytes,
            verification.Receipt?.Index,
            entry?.SealedAt,
            verification.ReadOrigin(),
            string.IsNullOrEmpty(entry?.DocumentId) ? null : entry.DocumentId,
            verification.Report is { } report
                ? [.. report.Checks.Select(c => new CheckJson(NameOf(c.Kind), NameOf(c.Outcome), c.Detail))]
                : [new CheckJson("receipt", "failed", verification.Problem ?? "")]);
    }

    private static string NameOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
