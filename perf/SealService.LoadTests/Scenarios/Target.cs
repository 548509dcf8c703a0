using SealService.LoadTests.Servers;

namespace SealService.LoadTests.Scenarios;

/// <summary>A server that a scenario measures, in a process of its own.</summary>
internal sealed record Target(string Name)
{
    /// <summary>The transport alone: frames in, as many bytes out.</summary>
    public static readonly Target Null = new("null") { Baseline = "null" };

    /// <summary>The transport, and the documents' SHA-256.</summary>
    public static readonly Target HashOnly = new("hash-only") { Baseline = "hash-only" };

    /// <summary>The service with SoftHSM and an empty ledger on a real disk.</summary>
    public static readonly Target Service = new("seal");

    /// <summary>The baseline server's mode; null for the service itself.</summary>
    public string? Baseline { get; private init; }

    /// <summary>How fast the HSM signs; null for SoftHSM as it is.</summary>
    public HsmProfile? Hsm { get; init; }

    /// <summary>Entries that the ledger is given before the first run.</summary>
    public long EntriesBefore { get; init; }
}
