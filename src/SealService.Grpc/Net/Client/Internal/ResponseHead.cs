using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client.Internal;

/// <summary>Reads a response's headers and trailers.</summary>
internal static class ResponseHead
{
    /// <summary>The status of a response that is not gRPC's, or null when it is: then its headers or trailers have the status.</summary>
    public static Status? ReadRefusal(HttpResponseMessage response)
    {
        if (response.Headers.NonValidated.Contains(GrpcHeaders.Status))
        {
            return null;
        }

        if (response.StatusCode != HttpStatusCode.OK)
        {
            return new Status(StatusMapping.OfHttpStatus(response.StatusCode), $"The server answered with HTTP {(int)response.StatusCode}.");
        }

        return GrpcHeaders.IsGrpcContentType(response.Content.Headers.ContentType?.MediaType)
            ? null
            : new Status(StatusCode.Unknown, $"The server answered with the content type '{response.Content.Headers.ContentType}'.");
    }

    public static (Status Status, Metadata Trailers) ReadStatus(HttpResponseHeaders headers)
    {
        if (FirstValue(headers, GrpcHeaders.Status) is not { } code)
        {
            return (new Status(StatusCode.Unknown, "The server ended the call without a status."), Metadata.Empty);
        }

        var detail = PercentEncoding.Decode(FirstValue(headers, GrpcHeaders.Message) ?? "");
        return (new Status(StatusText.Parse(code), detail), ReadMetadata(headers));
    }

    public static Metadata ReadMetadata(HttpResponseHeaders headers)
    {
        var metadata = new Metadata();
        foreach (var (name, values) in headers.NonValidated)
        {
            foreach (var value in values)
            {
                MetadataCodec.Read(name, value, metadata);
            }
        }

        return metadata;
    }

    public static string? FirstValue(HttpResponseHeaders headers, string name)
    {
        if (headers.NonValidated.TryGetValues(name, out var values))
        {
            foreach (var value in values)
            {
                return value;
            }
        }

        return null;
    }
}
