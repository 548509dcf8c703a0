using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Grpc.Server.Internal;

/// <summary>The log of the server: events 1000 to 1049.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1000, LogLevel.Error, "{Method}: the handler failed")]
    public static partial void HandlerFailed(ILogger logger, string method, Exception exception);

    [LoggerMessage(1001, LogLevel.Information, "{Method}: the client cancelled the call or went away")]
    public static partial void ClientGone(ILogger logger, string method);

    [LoggerMessage(1002, LogLevel.Information, "{Method}: the deadline passed")]
    public static partial void DeadlinePassed(ILogger logger, string method);

    [LoggerMessage(1003, LogLevel.Debug, "{Method}: ended with {StatusCode}: {Detail}")]
    public static partial void EndedWithStatus(ILogger logger, string method, StatusCode statusCode, string detail);

    [LoggerMessage(1004, LogLevel.Information, "{Method}: no message was received completely within {Timeout}")]
    public static partial void ReadStalled(ILogger logger, string method, TimeSpan timeout);

    [LoggerMessage(1005, LogLevel.Information, "{Method}: the client did not read for {Timeout}; the stream is reset")]
    public static partial void WriteStalled(ILogger logger, string method, TimeSpan timeout);

    [LoggerMessage(1006, LogLevel.Warning, "{Method}: the trailers count {Bytes} bytes, over the limit of {Limit}; only the status was sent")]
    public static partial void TrailersTooLarge(ILogger logger, string method, int bytes, int limit);

    [LoggerMessage(1007, LogLevel.Error, "{Method}: a serializer failed inside a message; the stream is reset")]
    public static partial void ResponseBroken(ILogger logger, string method);

    [LoggerMessage(1008, LogLevel.Information, "A request that is not gRPC over HTTP/2 was answered with HTTP {StatusCode}")]
    public static partial void NotGrpc(ILogger logger, int statusCode);

    [LoggerMessage(1009, LogLevel.Warning, "{Method}: ending the call early failed")]
    public static partial void TerminationFailed(ILogger logger, string method, Exception exception);
}
