using System.CommandLine;
using System.Globalization;
using SealService.Cli.Keys;
using SealService.Cli.Output;
using SealService.Client;
using SealService.Merkle;

namespace SealService.Cli.Commands;

/// <summary><c>seal status</c></summary>
internal static class StatusCommand
{
    /// <summary>Round trips that the latency is the median of.</summary>
    private const int LatencySamples = 9;

    public static Command Create(CommandEnvironment environment)
    {
        var server = new ServerOptions();
        var key = SharedOptions.Key();
        var json = SharedOptions.Json();
        var command = new Command("status", "Show whether the server serves, how far it is away, and its ledger's head.") { key, json };
        server.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var writer = new ResultWriter(environment, parsed.GetValue(json));
            var options = server.Read(parsed, environment);
            await using var client = new SealClient(options);
            var health = await client.CheckHealthAsync(cancellationToken);
            var latency = await MeasureLatencyAsync(client, environment.TimeProvider, cancellationToken);
            var isServing = health == ServerHealth.Serving;
            var checkpoint = isServing ? await ReadCheckpointAsync(options, KeyArguments.Read(parsed.GetValue(key)), environment, cancellationToken) : null;

            var address = client.Address.GetLeftPart(UriPartial.Authority);
            writer.WriteText($"{address} {(isServing ? "serves" : "does not serve")}");
            writer.WriteText(string.Create(CultureInfo.InvariantCulture, $"latency {latency.TotalMilliseconds:0.00} ms (median of {LatencySamples})"));
            if (checkpoint is not null)
            {
                writer.WriteText(LogText.Of(checkpoint));
                writer.WriteText(LogText.SignatureOf(checkpoint));
            }

            writer.WriteJson(new StatusJson(
                address,
                isServing ? "serving" : "not_serving",
                Math.Round(latency.TotalMilliseconds, 3),
                checkpoint is null ? null : LogJson.Of(checkpoint)));
            return isServing ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static async Task<SignedCheckpoint> ReadCheckpointAsync(
        SealClientOptions options, IReadOnlyList<VerifierKey> given, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        var keys = await LedgerTrust.ForStatusAsync(options, given, environment, cancellationToken);
        await using var client = new SealClient(options with { TrustedKeys = keys });
        return await client.Ledger.GetCheckpointAsync(cancellationToken);
    }

    private static async Task<TimeSpan> MeasureLatencyAsync(SealClient client, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var samples = new TimeSpan[LatencySamples];
        for (var i = 0; i < samples.Length; i++)
        {
            var start = timeProvider.GetTimestamp();
            await client.CheckHealthAsync(cancellationToken);
            samples[i] = timeProvider.GetElapsedTime(start);
        }

        Array.Sort(samples);
        return samples[LatencySamples / 2];
    }
}
