namespace Grpc.Wire;

/// <summary>The header names of the protocol, as they are sent: lower case.</summary>
internal static class GrpcHeaders
{
    public const string ContentType = "application/grpc";

    public const string Status = "grpc-status";
    public const string Message = "grpc-message";
    public const string StatusDetails = "grpc-status-details-bin";
    public const string Timeout = "grpc-timeout";
    public const string Encoding = "grpc-encoding";
    public const string AcceptEncoding = "grpc-accept-encoding";
    public const string PreviousAttempts = "grpc-previous-rpc-attempts";
    public const string RetryPushback = "grpc-retry-pushback-ms";

    /// <summary>A client asks this layer, by metadata that is not sent, to compress its requests: <c>gzip</c> or <c>identity</c>.</summary>
    public const string RequestEncodingOption = "grpc-internal-encoding-request";

    /// <summary>
    /// <c>application/grpc</c>, alone or followed by <c>+proto</c> or parameters; not <c>application/grpc-web</c>.
    /// </summary>
    public static bool IsGrpcContentType(string? contentType) =>
        string.Equals(contentType, ContentType, StringComparison.Ordinal) // nearly every client's
        || (contentType is not null
            && contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)
            && (contentType.Length == ContentType.Length || contentType[ContentType.Length] is '+' or ';'));
}
