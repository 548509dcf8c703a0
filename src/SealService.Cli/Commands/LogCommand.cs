using System.CommandLine;
using System.Globalization;
using System.Text;
using SealService.Cli.Keys;
using SealService.Cli.Output;
using SealService.Client;

namespace SealService.Cli.Commands;

/// <summary><c>seal log ...</c>: reading a ledger, with every proof checked here.</summary>
internal static class LogCommand
{
    public static Command Create(CommandEnvironment environment) => new("log", "Read a ledger: its signed heads, entries and proofs. Proofs are checked here.")
    {
        Checkpoint(environment),
        Entries(environment),
        Proof(environment),
        Consistency(environment),
        Find(environment),
        Receipt(environment),
    };

    private static Command Checkpoint(CommandEnvironment environment)
    {
        var watch = new Option<bool>("--watch") { Description = "Go on with each newer one, until Ctrl-C." };
        var command = new Command("checkpoint", "Show the newest signed head.") { watch };
        return Reading(command, environment, async (client, parsed, writer, cancellationToken) =>
        {
            if (!parsed.GetValue(watch))
            {
                Write(await client.Ledger.GetCheckpointAsync(cancellationToken), writer);
                return;
            }

            await foreach (var checkpoint in client.Ledger.WatchCheckpointsAsync(cancellationToken))
            {
                Write(checkpoint, writer);
                await environment.Output.FlushAsync(cancellationToken);
            }
        });

        static void Write(SignedCheckpoint checkpoint, ResultWriter writer)
        {
            writer.WriteText(LogText.Of(checkpoint));
            writer.WriteNote(LogText.SignatureOf(checkpoint));
            writer.WriteJson(LogJson.Of(checkpoint));
        }
    }

    private static Command Entries(CommandEnvironment environment)
    {
        var first = new Option<long>("--first") { Description = "The index of the first entry.", HelpName = "N", DefaultValueFactory = static _ => 0, CustomParser = SharedOptions.NotNegative };
        var count = new Option<long>("--count") { Description = "At most so many entries; 0: all.", HelpName = "N", DefaultValueFactory = static _ => 0, CustomParser = SharedOptions.NotNegative };
        var command = new Command("entries", "List entries in order. They are the server's word; 'seal log proof' proves one.") { first, count };
        return Reading(command, environment, (client, parsed, writer, cancellationToken) =>
            WriteEntriesAsync(client.Ledger.ReadEntriesAsync(parsed.GetValue(first), parsed.GetValue(count), cancellationToken), writer));
    }

    private static Command Proof(CommandEnvironment environment)
    {
        var index = new Argument<long>("INDEX") { Description = "The entry's index.", CustomParser = SharedOptions.NotNegative };
        var treeSize = new Option<long>("--tree-size")
        {
            Description = "The size of the tree to prove it in; 0: that of the newest signed head.",
            HelpName = "N",
            DefaultValueFactory = static _ => 0,
            CustomParser = SharedOptions.NotNegative,
        };
        var command = new Command("proof", "Get and check the inclusion proof of an entry.") { index, treeSize };
        return Reading(command, environment, async (client, parsed, writer, cancellationToken) =>
        {
            var proof = await client.Ledger.GetInclusionProofAsync(parsed.GetValue(index), parsed.GetValue(treeSize), cancellationToken);
            writer.WriteText(LogText.Of(proof));
            writer.WriteJson(LogJson.Of(proof));
        });
    }

    private static Command Consistency(CommandEnvironment environment)
    {
        var first = new Argument<string>("FIRST") { Description = "A tree size, or a file with a checkpoint that was saved." };
        var second = new Argument<long>("SECOND")
        {
            Description = "The larger tree's size; 0: that of the newest signed head.",
            Arity = ArgumentArity.ZeroOrOne,
            DefaultValueFactory = static _ => 0,
            CustomParser = SharedOptions.NotNegative,
        };
        var command = new Command("consistency", "Get and check the proof that an earlier head is a prefix of a later one.") { first, second };
        return Reading(command, environment, async (client, parsed, writer, cancellationToken) =>
        {
            var proof = long.TryParse(parsed.GetRequiredValue(first), NumberStyles.None, CultureInfo.InvariantCulture, out var size)
                ? await client.Ledger.GetConsistencyProofAsync(size, parsed.GetValue(second), cancellationToken)
                : await client.Ledger.GetConsistencyProofAsync(
                    await ReadNoteAsync(parsed.GetRequiredValue(first), cancellationToken), parsed.GetValue(second), cancellationToken);
            writer.WriteText(LogText.Of(proof));
            writer.WriteJson(LogJson.Of(proof));
        });
    }

    private static Command Find(CommandEnvironment environment)
    {
        var lookup = new EntryLookupOptions();
        var idempotencyKey = new Option<string?>("--idempotency-key") { Description = "The idempotency key that the document carried.", HelpName = "KEY" };
        var count = new Option<int>("--count") { Description = "At most so many entries; 0: all.", HelpName = "N", DefaultValueFactory = static _ => 100, CustomParser = SharedOptions.WholeNumber(0, int.MaxValue) };
        var command = new Command("find", "Find entries, the newest first.") { idempotencyKey, count };
        lookup.AddTo(command, idempotencyKey);
        return Reading(command, environment, async (client, parsed, writer, cancellationToken) =>
        {
            var lookFor = parsed.GetValue(idempotencyKey) is { } key ? EntryLookup.ByIdempotencyKey(key) : lookup.Read(parsed);
            var found = client.Ledger.FindAsync(lookFor, cancellationToken);
            var most = parsed.GetValue(count);
            await WriteEntriesAsync(most == 0 ? found : found.Take(most), writer);
        });
    }

    private static Command Receipt(CommandEnvironment environment)
    {
        var lookup = new EntryLookupOptions();
        var index = new Option<long?>("--index") { Description = "The entry's index.", HelpName = "N", CustomParser = static result => SharedOptions.NotNegative(result) };
        var output = new Option<string?>("--output", "-o") { Description = "Write the receipt to this file; default is stdout.", HelpName = "FILE" };
        var command = new Command("receipt", "Get the receipt of an entry anew, against the newest signed head.") { index, output };
        lookup.AddTo(command, index);
        return Reading(command, environment, async (client, parsed, writer, cancellationToken) =>
        {
            var lookFor = parsed.GetValue(index) is { } i ? EntryLookup.ByIndex(i) : lookup.Read(parsed);
            var receipt = await client.GetReceiptAsync(lookFor, cancellationToken);
            var path = parsed.GetValue(output);
            if (path is not null)
            {
                ReceiptFile.WriteKeepingOther(path, receipt);
            }

            writer.WriteText(path is null ? Encoding.UTF8.GetString(receipt.Format()).TrimEnd('\n') : $"Wrote the receipt of entry {receipt.Index} to {path}.");
            writer.WriteJson(LogJson.Of(receipt, path));
        });
    }

    private static async Task<ReadOnlyMemory<byte>> ReadNoteAsync(string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
        {
            throw CommandException.Usage($"'{path}' is neither a tree size nor a file.");
        }

        var note = await File.ReadAllBytesAsync(path, cancellationToken);
        return Merkle.Checkpoint.TryParseNote(note, out _, out _, out var error) ? note : throw CommandException.Usage($"'{path}' is not a checkpoint: {error}.");
    }

    private static async Task WriteEntriesAsync(IAsyncEnumerable<LoggedEntry> entries, ResultWriter writer)
    {
        await foreach (var entry in entries)
        {
            writer.WriteText(LogText.Of(entry));
            writer.WriteJson(LogJson.Of(entry));
        }
    }

    /// <summary>Adds what all these verbs have: the server, the keys to go by, --json.</summary>
    private static Command Reading(
        Command command, CommandEnvironment environment, Func<SealClient, ParseResult, ResultWriter, CancellationToken, Task> read)
    {
        var server = new ServerOptions();
        var key = SharedOptions.Key();
        var json = SharedOptions.Json();
        server.AddTo(command);
        command.Add(key);
        command.Add(json);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var writer = new ResultWriter(environment, parsed.GetValue(json));
            var options = server.Read(parsed, environment);
            var keys = await LedgerTrust.ForReadingAsync(options, KeyArguments.Read(parsed.GetValue(key)), environment, cancellationToken);
            await using var client = new SealClient(options with { TrustedKeys = keys });
            if (keys.Count == 0)
            {
                writer.WriteNote("No key is trusted (--key): signatures are not checked.");
            }

            await read(client, parsed, writer, cancellationToken);
            return ExitCode.Done;
        });
        return command;
    }
}
