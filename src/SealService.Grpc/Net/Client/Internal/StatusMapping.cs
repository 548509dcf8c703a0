using System.Net;
using Grpc.Core;

namespace Grpc.Net.Client.Internal;

/// <summary>What a failure means when the server sent no status: "HTTP to gRPC Status Code Mapping" and "gRPC over HTTP/2, Errors".</summary>
internal static class StatusMapping
{
    public static StatusCode OfHttpStatus(HttpStatusCode code) => code switch
    {
        HttpStatusCode.BadRequest or HttpStatusCode.RequestHeaderFieldsTooLarge => StatusCode.Internal,
        HttpStatusCode.Unauthorized => StatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => StatusCode.PermissionDenied,
        HttpStatusCode.NotFound => StatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout => StatusCode.Unavailable,
        _ => StatusCode.Unknown,
    };

    /// <summary>
    /// The error codes of RFC 9113 section 7. NO_ERROR is UNAVAILABLE and not INTERNAL, as gRPC has it for resets: HttpClient reports a
    /// connection that was closed after a graceful GOAWAY in the same way, and servers that stop are what one meets.
    /// </summary>
    public static StatusCode OfHttp2Error(long errorCode) => errorCode switch
    {
        0x0 => StatusCode.Unavailable, // NO_ERROR
        0x7 => StatusCode.Unavailable, // REFUSED_STREAM
        0x8 => StatusCode.Cancelled, // CANCEL
        0xB => StatusCode.ResourceExhausted, // ENHANCE_YOUR_CALM
        0xC => StatusCode.PermissionDenied, // INADEQUATE_SECURITY
        _ => StatusCode.Internal,
    };

    public static Status OfException(Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpProtocolException protocol)
            {
                return new Status(OfHttp2Error(protocol.ErrorCode), "The stream or its connection was ended: " + protocol.Message, exception);
            }
        }

        return exception switch
        {
            RpcException rpc => rpc.Status,
            // Its own message says to look at the inner one.
            HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError, InnerException: { } tls } =>
                new Status(StatusCode.Unavailable, "The connection failed: TLS: " + tls.Message, exception),
            HttpRequestException or IOException => new Status(StatusCode.Unavailable, "The connection failed: " + exception.Message, exception),
            // A connection that could not be opened in time.
            OperationCanceledException { InnerException: TimeoutException } =>
                new Status(StatusCode.Unavailable, "The connection could not be opened in time.", exception),
            OperationCanceledException or ObjectDisposedException => new Status(StatusCode.Cancelled, "The call was cancelled.", exception),
            _ => new Status(StatusCode.Internal, "The call failed: " + exception.Message, exception),
        };
    }
}
