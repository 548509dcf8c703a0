using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client.Internal;

/// <summary>Builds the request of a call: protocol headers, metadata, credentials, time-out.</summary>
internal static class RequestHead
{
    private static readonly TransferCodingWithQualityHeaderValue Trailers = new("trailers");

    private static readonly ProductInfoHeaderValue UserAgent =
        new("grpc-csharp-seal", typeof(RequestHead).Assembly.GetName().Version?.ToString(3) ?? "0");

    /// <exception cref="RpcException">UNAUTHENTICATED: there are credentials and no TLS.</exception>
    public static async ValueTask<HttpRequestMessage> CreateAsync(
        GrpcChannel channel,
        IMethod method,
        string? host,
        CallOptions options,
        HttpContent content,
        CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, channel.AddressOf(method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        var headers = request.Headers;
        headers.Host = host;
        headers.TE.Add(Trailers);
        headers.UserAgent.Add(UserAgent);
        headers.TryAddWithoutValidation(GrpcHeaders.AcceptEncoding, MessageCompression.AcceptEncoding);
        if (options.Headers?.GetValue(GrpcHeaders.RequestEncodingOption) is { } encoding)
        {
            headers.TryAddWithoutValidation(GrpcHeaders.Encoding, encoding);
        }

        foreach (var entry in await AddCredentialsAsync(channel, method, options, cancellationToken))
        {
            if (!MetadataCodec.IsReserved(entry.Key))
            {
                headers.TryAddWithoutValidation(entry.Key, MetadataCodec.Write(entry));
            }
        }

        // Last: what the credentials took counts.
        if (options.UtcDeadline is { } deadline)
        {
            headers.TryAddWithoutValidation(GrpcHeaders.Timeout, GrpcTimeout.Format(deadline - channel.Options.Time.GetUtcNow()));
        }

        return request;
    }

    private static async ValueTask<Metadata> AddCredentialsAsync(
        GrpcChannel channel,
        IMethod method,
        CallOptions options,
        CancellationToken cancellationToken)
    {
        var given = options.Headers ?? Metadata.Empty;
        if (options.Credentials is null && channel.Options.Credentials is null)
        {
            return given;
        }

        if (!channel.IsSecure && !channel.Options.AllowCredentialsWithoutTls)
        {
            throw new RpcException(new Status(StatusCode.Unauthenticated, "Credentials are sent over TLS only, and the channel has none."));
        }

        var metadata = new Metadata();
        foreach (var entry in given)
        {
            metadata.Add(entry);
        }

        var serviceUrl = new Uri(channel.AddressOf(method), "/" + method.ServiceName).AbsoluteUri;
        var context = new AuthInterceptorContext(serviceUrl, method.Name, cancellationToken);
        await (channel.Options.Credentials?.ApplyAsync(context, metadata) ?? Task.CompletedTask);
        await (options.Credentials?.ApplyAsync(context, metadata) ?? Task.CompletedTask);
        return metadata;
    }
}
