using Grpc.Core;
using SealService.Ledger;

namespace SealService.Services.Sealing;

/// <summary>How a ledger's failures look on the wire.</summary>
internal static class LedgerStatus
{
    /// <summary>The status code of documents that were not acknowledged.</summary>
    public static StatusCode CodeOf(LedgerFailure failure) => failure.Error switch
    {
        LedgerError.StorageFull => StatusCode.ResourceExhausted,
        LedgerError.SigningFailed or LedgerError.Closing => StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };
}
