using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Grpc.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using SealService.Configuration;
using ListenOptions = SealService.Configuration.ListenOptions;

namespace SealService.Hosting;

/// <summary>Endpoints and transport limits of the web server.</summary>
internal static class KestrelSetup
{
    public static void Configure(IWebHostBuilder webHost, SealOptions options)
    {
        var certificate = LoadCertificate(options.Listen);
        webHost.UseKestrelHttpsConfiguration();
        webHost.UseGrpcTransport(new GrpcTransportLimits
        {
            StreamWindowBytes = options.Limits.StreamWindowBytes,
            ConnectionWindowBytes = options.Limits.ConnectionWindowBytes,
            MaxStreamsPerConnection = options.Limits.StreamsPerConnectionMax,
            MaxConnections = options.Limits.ConnectionsMax,
            MaxMetadataBytes = options.Limits.MetadataBytesMax,
            IdleBufferBytesMax = (long)options.Limits.IdleBuffersMibMax << 20,
            KeepAlivePingDelay = options.Limits.KeepAlivePingDelay,
            KeepAlivePingTimeout = options.Limits.KeepAlivePingTimeout,
            ConnectionIdleTimeout = options.Limits.ConnectionIdleTimeout,
            RequestHeadersTimeout = options.Limits.RequestHeadersTimeout,
        });
        webHost.ConfigureKestrel(kestrel =>
        {
            Listen(kestrel, options.Listen.Grpc, HttpProtocols.Http2, certificate);
            if (options.Listen.Http.Length > 0)
            {
                Listen(kestrel, options.Listen.Http, HttpProtocols.Http1, certificate);
            }
        });
    }

    private static void Listen(KestrelServerOptions kestrel, string address, HttpProtocols protocols, X509Certificate2Collection? certificate) =>
        kestrel.Listen(IPEndPoint.Parse(address), endpoint =>
        {
            endpoint.Protocols = protocols;
            if (certificate is not null)
            {
                endpoint.UseHttps(new HttpsConnectionAdapterOptions
                {
                    ServerCertificate = certificate[0],
                    ServerCertificateChain = certificate,
                    SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                });
            }
        });

    /// <summary>The certificate, its key with it, and its chain; null when there is to be none.</summary>
    /// <exception cref="ConfigurationException">The files can't be used.</exception>
    public static X509Certificate2Collection? LoadCertificate(ListenOptions listen)
    {
        if (listen.CertificateFile.Length == 0)
        {
            return null;
        }

        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(listen.CertificateFile);
            chain[0] = X509Certificate2.CreateFromPemFile(listen.CertificateFile, listen.PrivateKeyFile);
            return chain;
        }
        catch (Exception e) when (e is System.Security.Cryptography.CryptographicException or ArgumentException)
        {
            throw new ConfigurationException([$"Seal:Listen:CertificateFile '{listen.CertificateFile}' and Seal:Listen:PrivateKeyFile '{listen.PrivateKeyFile}' can't be used: {e.Message}"]);
        }
    }
}
