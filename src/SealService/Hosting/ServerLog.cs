namespace SealService.Hosting;

/// <summary>The server's own log events, 4000 to 4099.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(4000, LogLevel.Information, "SealService is ready: gRPC on {GrpcAddress}, HTTP on {HttpAddress}")]
    public static partial void Ready(ILogger logger, string grpcAddress, string httpAddress);

    [LoggerMessage(4001, LogLevel.Information, "Stopping: taking no more documents, finishing those that were accepted")]
    public static partial void Draining(ILogger logger);

    [LoggerMessage(4002, LogLevel.Information, "SealService has stopped; everything that was accepted is sealed")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(4003, LogLevel.Critical, "The ledger's state is unknown, so this process ends; start it again to recover")]
    public static partial void StateUnknown(ILogger logger, Exception? exception);

    [LoggerMessage(4004, LogLevel.Information, "Ledger {Ledger}: origin {Origin}, {TreeSize} entries, key {VerifierKey}")]
    public static partial void LedgerOpen(ILogger logger, string ledger, string origin, long treeSize, string verifierKey);
}
