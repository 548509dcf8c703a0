using Grpc.Core;
using SealService.Ledger;
using SealService.Merkle;

namespace SealService.Services;

/// <summary>Reads of entries that are known to be there.</summary>
internal static class LedgerReads
{
    /// <summary>The receipt of an entry of this ledger against its newest head.</summary>
    /// <exception cref="RpcException">DATA_LOSS or UNAVAILABLE: it can't be read, or is not there after all.</exception>
    public static async ValueTask<Receipt> ReadReceiptAsync(this SealLedger ledger, long index, CancellationToken cancellationToken) =>
        await ledger.GetReceiptAsync(index, cancellationToken).Mapped()
        ?? throw new RpcException(new Status(StatusCode.DataLoss, $"Entry {index} should be in the ledger, and is not."));
}
