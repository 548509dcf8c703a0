using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;

namespace SealService.Tests.Grpc;

/// <summary>Sends requests that no gRPC client would send, and shows the answer as HTTP.</summary>
internal static class RawHttp
{
    /// <summary>A message with its prefix, which may tell lies.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> payload, byte flag = 0, uint? announced = null)
    {
        var frame = new byte[5 + payload.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), announced ?? (uint)payload.Length);
        payload.CopyTo(frame.AsSpan(5));
        return frame;
    }

    public static async Task<Answer> PostAsync(
        string address,
        string path,
        byte[] body,
        string contentType = "application/grpc",
        Version? version = null,
        HttpMethod? method = null,
        bool endsBody = true,
        params (string Name, string Value)[] headers)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, address + path)
        {
            Version = version ?? HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new Body(body, endsBody),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContextToken);
        var received = await response.Content.ReadAsByteArrayAsync(TestContextToken);
        return new Answer(response.StatusCode, Flatten(response.Headers), Flatten(response.TrailingHeaders), received);
    }

    private static CancellationToken TestContextToken => Xunit.TestContext.Current.CancellationToken;

    private static Dictionary<string, string> Flatten(HttpResponseHeaders headers) =>
        headers.ToDictionary(header => header.Key, header => string.Join(",", header.Value), StringComparer.OrdinalIgnoreCase);

    public sealed record Answer(
        HttpStatusCode HttpStatus,
        IReadOnlyDictionary<string, string> Headers,
        IReadOnlyDictionary<string, string> Trailers,
        byte[] Body)
    {
        public string? GrpcStatus => Headers.GetValueOrDefault("grpc-status") ?? Trailers.GetValueOrDefault("grpc-status");

        public string? GrpcMessage => Headers.GetValueOrDefault("grpc-message") ?? Trailers.GetValueOrDefault("grpc-message");
    }

    private sealed class Body(byte[] bytes, bool ends) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(bytes, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            if (!ends)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
