using SealService.Cli.Output;
using SealService.Client;
using SealService.Merkle;

namespace SealService.Cli.Keys;

/// <summary>Which keys a verb that talks to a server goes by: those of --key, or those known for the ledger's origin.</summary>
internal static class LedgerTrust
{
    /// <summary>
    /// The keys for reading: those given, or those known for the ledger's origin. None when no key is known at all, which the verb has to say;
    /// where other keys are known, a server must not get around them by naming another origin.
    /// </summary>
    /// <exception cref="CommandException">Keys are known, and none for this ledger.</exception>
    public static async Task<IReadOnlyList<VerifierKey>> ForReadingAsync(
        SealClientOptions options, IReadOnlyList<VerifierKey> given, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        var known = KnownKeys.Load(environment);
        if (given.Count > 0 || known.All.Count == 0)
        {
            return given;
        }

        await using var asking = new SealClient(options);
        var origin = await asking.Ledger.GetUnverifiedOriginAsync(cancellationToken);
        return known.For(origin) is { Count: > 0 } keys
            ? keys
            : throw CommandException.NotValid($"Of the keys met before ({known.RequirePath()}) none is for this ledger, '{origin}'. Give its key with --key, or seal a document there to trust it.");
    }

    /// <summary>The keys for a look at a server, whatever ledger it has: those given, or those known for its origin; perhaps none, which the verb has to say.</summary>
    public static async Task<IReadOnlyList<VerifierKey>> ForStatusAsync(
        SealClientOptions options, IReadOnlyList<VerifierKey> given, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        if (given.Count > 0)
        {
            return given;
        }

        await using var asking = new SealClient(options);
        return KnownKeys.Load(environment).For(await asking.Ledger.GetUnverifiedOriginAsync(cancellationToken));
    }

    /// <summary>
    /// The ledger's origin and the keys for sealing. Without --key a ledger that was never met is trusted on first use: its
    /// keys are written down, and a later run insists on them.
    /// </summary>
    public static async Task<(string Origin, IReadOnlyList<VerifierKey> Keys)> ForSealingAsync(
        SealClient client,
        IReadOnlyList<VerifierKey> given,
        CommandEnvironment environment,
        ResultWriter writer,
        CancellationToken cancellationToken)
    {
        var head = await client.Ledger.GetUnverifiedOriginAsync(cancellationToken);
        if (given.Count > 0)
        {
            return given.Any(key => key.Name == head)
                ? (head, given)
                : throw CommandException.NotValid($"The ledger's origin is '{head}', and none of the keys given is for it.");
        }

        var known = KnownKeys.Load(environment);
        if (known.For(head) is { Count: > 0 } keys)
        {
            return (head, keys);
        }

        var offered = (await client.ListKeysAsync(cancellationToken)).Where(key => key.Origin == head).Select(key => key.VerifierKey).ToList();
        if (offered.Count == 0)
        {
            throw CommandException.NotValid($"The server names no key for its ledger '{head}'.");
        }

        known.Add(offered, client.Address, environment.TimeProvider.GetUtcNow());
        foreach (var key in offered)
        {
            writer.WriteNote($"Met the ledger '{head}' for the first time and trust its key from now on ({known.RequirePath()}): {key}");
        }

        return (head, offered);
    }
}
