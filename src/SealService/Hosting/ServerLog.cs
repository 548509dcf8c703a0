namespace SealService.Hosting;

/// <summary>The server's own log events, 4000 to 4099.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(4000, LogLevel.Information, "SealService is ready: gRPC on {GrpcAddress}, HTTP on {HttpAddress}")]
    public static partial void Ready(ILogger logger, string grpcAddress, string httpAddress);

    [LoggerMessage(4001, LogLevel.Information, "Stopping: taking no more documents, finishing those that {Calls} calls have brought")]
    public static partial void Draining(ILogger logger, int calls);

    [LoggerMessage(4005, LogLevel.Warning, "{Calls} calls did not end within {DrainTimeout}; they are cut off")]
    public static partial void DrainTimedOut(ILogger logger, int calls, TimeSpan drainTimeout);

    [LoggerMessage(4002, LogLevel.Information, "SealService has stopped; every document that was acknowledged is in the ledger")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(4003, LogLevel.Critical, "The ledger's state is unknown, so this process ends; start it again to recover")]
    public static partial void StateUnknown(ILogger logger, Exception? exception);

    [LoggerMessage(4004, LogLevel.Information, "Ledger {Ledger}: origin {Origin}, {TreeSize} entries, key {VerifierKey}")]
    public static partial void LedgerOpen(ILogger logger, string ledger, string origin, long treeSize, string verifierKey);
}
