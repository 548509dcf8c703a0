using System.Net;
using System.Net.Http.Headers;

namespace SealService.LoadTests.Transport;

/// <summary>
/// One HTTP/2 connection for calls whose requests are framed already. It stands beside the gRPC layer's own client, not on it: what the
/// generator spends is missing to the server on the same cores, and framed bytes that go to the connection as they are cost the least.
/// Safe for concurrent use.
/// </summary>
internal sealed class GrpcConnection : IDisposable
{
    private static readonly MediaTypeHeaderValue GrpcContent = new("application/grpc");

    private readonly HttpMessageInvoker _http;
    private readonly Uri _address;

    /// <param name="address">host:port, without TLS.</param>
    public GrpcConnection(string address)
    {
        _address = new Uri("http://" + address);
        _http = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                UseProxy = false,
                UseCookies = false,
                AllowAutoRedirect = false,
                AutomaticDecompression = DecompressionMethods.None,
                ActivityHeadersPropagator = null,
                EnableMultipleHttp2Connections = false,
                PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
                // Answers of a whole batch come in one piece.
                InitialHttp2StreamWindowSize = 4 * 1024 * 1024,
            },
            disposeHandler: true);
    }

    /// <summary>Sends one call's framed requests and gives its framed responses.</summary>
    /// <exception cref="GrpcCallException">It ended with another status than OK, or did not reach the server.</exception>
    public async Task<byte[]> CallAsync(string path, ReadOnlyMemory<byte> frames, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(path, new ReadOnlyMemoryContent(frames), cancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        GrpcStatus.ThrowUnlessOk(response);
        return body;
    }

    /// <summary>Opens a call whose requests <paramref name="sendAsync"/> writes, for as long as it runs.</summary>
    /// <exception cref="GrpcCallException">The server could not be reached.</exception>
    public async Task<GrpcResponses> OpenAsync(string path, Func<Stream, CancellationToken, Task> sendAsync, CancellationToken cancellationToken)
    {
        var response = await SendAsync(path, new StreamedContent(sendAsync), cancellationToken);
        return new GrpcResponses(response, await response.Content.ReadAsStreamAsync(cancellationToken));
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(string path, HttpContent content, CancellationToken cancellationToken)
    {
        content.Headers.ContentType = GrpcContent;
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_address, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        try
        {
            return await _http.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw new GrpcCallException("The server could not be reached: " + e.Message, e);
        }
    }

    // A body that is written for as long as the call goes on.
    private sealed class StreamedContent(Func<Stream, CancellationToken, Task> sendAsync) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            // The headers leave before the first message.
            await stream.FlushAsync(cancellationToken);
            await sendAsync(stream, cancellationToken);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
