using SealService.Configuration;
using SealService.Ledger;
using SealService.Merkle;
using SealService.Pkcs11;

namespace SealService.Hosting;

/// <summary>A ledger that this server hosts, with the key that signs for it.</summary>
/// <param name="Options">Its configuration.</param>
/// <param name="Ledger">The open ledger.</param>
/// <param name="SigningKey">The key in the HSM.</param>
/// <param name="VerifierKey">The public key with its C2SP name, which is the origin.</param>
internal sealed record HostedLedger(LedgerEntryOptions Options, SealLedger Ledger, SigningKey SigningKey, VerifierKey VerifierKey)
{
    /// <summary>The name by which requests choose it.</summary>
    public string Name => Options.Name;
}
