using System.Collections.Frozen;
using Grpc.Core;

namespace SealService.Hosting;

/// <summary>The ledgers of this server by name. The first one is the default.</summary>
internal sealed class LedgerDirectory(IReadOnlyList<HostedLedger> ledgers)
{
    private readonly FrozenDictionary<string, HostedLedger> _byName = ledgers.ToFrozenDictionary(l => l.Name, StringComparer.Ordinal);

    public IReadOnlyList<HostedLedger> All { get; } = ledgers;

    public HostedLedger Default => All[0];

    /// <summary>The ledger of a request.</summary>
    /// <param name="name">Its name; null or empty for the default.</param>
    /// <exception cref="RpcException">NOT_FOUND: there is none of that name.</exception>
    public HostedLedger Get(string? name) =>
        string.IsNullOrEmpty(name) ? Default
        : _byName.TryGetValue(name, out var ledger) ? ledger
        : throw new RpcException(new Status(StatusCode.NotFound, $"ledger: this server has no ledger named '{name}'."));
}
