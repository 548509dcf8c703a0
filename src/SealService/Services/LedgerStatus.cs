using Grpc.Core;
using SealService.Ledger;

namespace SealService.Services;

/// <summary>How a ledger's failures look on the wire: the one place that decides it.</summary>
internal static class LedgerStatus
{
    /// <summary>When to try again what failed for want of a signature or of room.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    /// <summary>The status code of documents that were not acknowledged.</summary>
    public static StatusCode CodeOf(LedgerFailure failure) => failure.Error switch
    {
        LedgerError.StorageFull => StatusCode.ResourceExhausted,
        LedgerError.SigningFailed or LedgerError.Closing => StatusCode.Unavailable,
        _ => StatusCode.Aborted, // it may or may not be in the ledger; the same idempotency key finds out
    };

    /// <summary>The status code of a read that failed: DATA_LOSS for damage, UNAVAILABLE for a ledger that has stopped.</summary>
    public static StatusCode CodeOf(LedgerException exception) => exception is LedgerDamagedException ? StatusCode.DataLoss : StatusCode.Unavailable;

    /// <summary>The status of one document that was not acknowledged; when trying again is of use it says when.</summary>
    public static RpcException ToRpcException(LedgerFailure failure) => failure.Retryable
        ? StatusDetails.RetryLater(CodeOf(failure), failure.Message, RetryDelay)
        : new RpcException(new Status(CodeOf(failure), failure.Message));

    /// <summary>A read of the ledger whose failure is a status.</summary>
    /// <exception cref="RpcException">DATA_LOSS or UNAVAILABLE.</exception>
    public static async ValueTask<T> Mapped<T>(this ValueTask<T> read)
    {
        try
        {
            return await read;
        }
        catch (LedgerException e)
        {
            throw new RpcException(new Status(CodeOf(e), e.Message));
        }
    }
}
