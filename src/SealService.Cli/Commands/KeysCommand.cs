using System.CommandLine;
using System.Globalization;
using SealService.Cli.Keys;
using SealService.Cli.Output;
using SealService.Client;
using SealService.Merkle;

namespace SealService.Cli.Commands;

/// <summary><c>seal keys list</c></summary>
internal static class KeysCommand
{
    public static Command Create(CommandEnvironment environment) => new("keys", "The keys that sign the server's ledgers.") { List(environment) };

    private static Command List(CommandEnvironment environment)
    {
        var server = new ServerOptions();
        var json = SharedOptions.Json();
        var command = new Command(
            "list",
            "List the keys that the server names. A key that comes from the server which is to be checked proves nothing: "
            + "compare it with one that you got another way.")
        {
            json,
        };
        server.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var writer = new ResultWriter(environment, parsed.GetValue(json));
            var known = KnownKeys.Load(environment);
            await using var client = new SealClient(server.Read(parsed, environment));
            var keys = await client.ListKeysAsync(cancellationToken);
            foreach (var key in keys)
            {
                writer.WriteText(key.VerifierKey.ToString());
                writer.WriteText(
                    $"  ledger {(key.Ledger.Length == 0 ? "(default)" : key.Ledger)}, {NameOf(key.VerifierKey.SignatureType)}, {(key.IsActive ? "active" : "retired")}, "
                    + (known.Contains(key.VerifierKey) ? "known here" : "not known here"));
            }

            writer.WriteJson(new KeysJson([.. keys.Select(key => ToJson(key, known))]));
            return ExitCode.Done;
        });
        return command;
    }

    private static KeyJson ToJson(LedgerKey key, KnownKeys known) => new(
        key.Ledger,
        key.Origin,
        NameOf(key.VerifierKey.SignatureType),
        key.IsActive ? "active" : "retired",
        key.VerifierKey.ToString(),
        key.VerifierKey.KeyId.ToString("x8", CultureInfo.InvariantCulture),
        Convert.ToBase64String(key.VerifierKey.ToSubjectPublicKeyInfo()),
        known.Contains(key.VerifierKey));

    private static string NameOf(NoteSignatureType type) => type switch
    {
        NoteSignatureType.Ed25519 => "ed25519",
        NoteSignatureType.EcdsaP256 => "ecdsa-p256-sha256",
        _ => "unknown",
    };
}
