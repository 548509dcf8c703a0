using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client.Internal;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>
/// Connections to one server. <c>http://</c> is HTTP/2 with prior knowledge, <c>https://</c> HTTP/2 over TLS. Connections are opened by the
/// first calls and opened anew after they were lost. Safe for concurrent use; keep one for long and share it.
/// </summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly HttpMessageInvoker[] _connections;
    private readonly ConcurrentDictionary<string, Uri> _addresses = new(StringComparer.Ordinal);
    private readonly Uri _address;
    private uint _turn;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        _address = address;
        Options = options;
        ReceiveLimits = new ReceiveLimits(options.MaxReceiveMessageBytes);
        _connections = new HttpMessageInvoker[options.Connections];
        for (var i = 0; i < _connections.Length; i++)
        {
            // A handler of its own each: a handler opens a second connection only when the first has no streams left.
            _connections[i] = new HttpMessageInvoker(CreateHandler(options), disposeHandler: true);
        }
    }

    internal GrpcChannelOptions Options { get; }

    internal ReceiveLimits ReceiveLimits { get; }

    internal bool IsSecure => _address.Scheme == Uri.UriSchemeHttps;

    /// <exception cref="ArgumentException">The address is not one of <c>http://</c> or <c>https://</c>.</exception>
    public static GrpcChannel ForAddress(string address) => ForAddress(new Uri(address), new GrpcChannelOptions());

    /// <inheritdoc cref="ForAddress(string)"/>
    public static GrpcChannel ForAddress(string address, GrpcChannelOptions options) => ForAddress(new Uri(address), options);

    /// <inheritdoc cref="ForAddress(string)"/>
    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions options)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(options);
        if (!address.IsAbsoluteUri || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"'{address}' is not an http:// or https:// address.", nameof(address));
        }

        options.Validate();
        return new GrpcChannel(address, options);
    }

    public override CallInvoker CreateCallInvoker() => new HttpCallInvoker(this);

    /// <summary>Closes the connections; running calls end with CANCELLED or UNAVAILABLE.</summary>
    public void Dispose()
    {
        foreach (var connection in _connections)
        {
            connection.Dispose();
        }
    }

    protected override Task ShutdownAsyncCore()
    {
        Dispose();
        return Task.CompletedTask;
    }

    /// <summary>The connection whose turn it is.</summary>
    internal HttpMessageInvoker NextConnection() => _connections[Interlocked.Increment(ref _turn) % (uint)_connections.Length];

    internal Uri AddressOf(IMethod method) => _addresses.GetOrAdd(method.FullName, static (path, address) => new Uri(address, path), _address);

    private static SocketsHttpHandler CreateHandler(GrpcChannelOptions options) => new()
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        // More than one only when the server's limit of streams is reached, rather than calls that queue.
        EnableMultipleHttp2Connections = true,
        PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        ConnectTimeout = options.ConnectTimeout,
        InitialHttp2StreamWindowSize = options.StreamWindowBytes,
        KeepAlivePingDelay = options.KeepAlivePingDelay,
        KeepAlivePingTimeout = options.KeepAlivePingTimeout,
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        MaxResponseHeadersLength = options.MaxMetadataKibibytes,
        SslOptions = CreateTls(options),
    };

    private static SslClientAuthenticationOptions CreateTls(GrpcChannelOptions options)
    {
        var tls = new SslClientAuthenticationOptions
        {
            ClientCertificates = options.ClientCertificates,
            RemoteCertificateValidationCallback = options.ServerCertificateValidation,
        };
        if (options.TrustedRoots is { } roots)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                // A private authority rarely publishes revocation.
                RevocationMode = X509RevocationMode.NoCheck,
            };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        return tls;
    }
}
