namespace SealService.LoadTests.Transport;

/// <summary>Reads how a call ended.</summary>
internal static class GrpcStatus
{
    /// <summary>Checks the status after the body was read to its end.</summary>
    /// <exception cref="GrpcCallException">It is not OK.</exception>
    public static void ThrowUnlessOk(HttpResponseMessage response)
    {
        // Trailers-only responses have the status among the headers.
        var status = Find(response.TrailingHeaders, "grpc-status") ?? Find(response.Headers, "grpc-status");
        if (status != "0")
        {
            var message = Find(response.TrailingHeaders, "grpc-message") ?? Find(response.Headers, "grpc-message");
            throw new GrpcCallException($"HTTP {(int)response.StatusCode}, grpc-status {status ?? "missing"}: {Uri.UnescapeDataString(message ?? "")}");
        }
    }

    private static string? Find(System.Net.Http.Headers.HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}

/// <summary>A call did not end with OK.</summary>
internal sealed class GrpcCallException : Exception
{
    public GrpcCallException()
    {
    }

    public GrpcCallException(string message)
        : base(message)
    {
    }

    public GrpcCallException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
