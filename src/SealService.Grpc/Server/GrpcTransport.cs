using System.Buffers;
using Grpc.Server.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.Server;

/// <summary>
/// Kestrel's sockets and buffers, for streams of many messages. As they are by default, every 4 KiB that arrive cost a system call and
/// every wait for them a change of threads: half of what moving a message of 1 KiB costs (docs/performance.md).
/// </summary>
public static class GrpcTransport
{
    /// <summary>The most that one system call receives. A connection without traffic holds no such block.</summary>
    private const int SocketBlockBytes = 64 * 1024;

    /// <summary>Pieces in which a call's messages lie: as large as the largest HTTP/2 frame that Kestrel accepts by default.</summary>
    private const int MessageBlockBytes = 16 * 1024;

    // Read once by .NET's socket engine, when the process uses its first socket.
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>
    /// Sets up sockets and buffers, and applies the limits, for all endpoints that are configured after it; those of connections and headers
    /// hold for HTTP/1 too. Receiving goes on on the thread that was told of the bytes, for all sockets of the process, unless
    /// the environment says otherwise: call it before there are any. Requests and their handlers run on the thread pool as ever.
    /// Kestrel keeps one <see cref="KestrelServerOptions.ConfigureEndpointDefaults"/>, which is taken by this.
    /// </summary>
    /// <param name="web">The host, on Kestrel.</param>
    /// <param name="limits">The limits of HTTP/2 below the calls.</param>
    public static IWebHostBuilder UseGrpcTransport(this IWebHostBuilder web, GrpcTransportLimits limits)
    {
        ArgumentNullException.ThrowIfNull(web);
        ArgumentNullException.ThrowIfNull(limits);
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null)
        {
            Environment.SetEnvironmentVariable(InlineCompletions, "1");
        }

        var sockets = new SocketPools(new BlockPool(SocketBlockBytes, limits.IdleBufferBytesMax));
        var messages = new MessagePool(new BlockPool(MessageBlockBytes, limits.IdleBufferBytesMax));
        return web
            .ConfigureServices(services => services.AddSingleton<IMemoryPoolFactory<byte>>(sockets))
            .ConfigureKestrel(kestrel =>
            {
                Apply(limits, kestrel);
                kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(next => connection =>
                {
                    // Before HTTP/2 begins: its pipes take their blocks from here, the socket has its own already.
                    connection.Features.Set<IMemoryPoolFeature>(messages);
                    return next(connection);
                }));
            });
    }

    private static void Apply(GrpcTransportLimits limits, KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = limits.MaxConnections;
        kestrel.Limits.MaxRequestHeadersTotalSize = limits.MaxMetadataBytes;
        kestrel.Limits.KeepAliveTimeout = limits.ConnectionIdleTimeout;
        kestrel.Limits.RequestHeadersTimeout = limits.RequestHeadersTimeout;
        var http2 = kestrel.Limits.Http2;
        http2.InitialStreamWindowSize = limits.StreamWindowBytes;
        http2.InitialConnectionWindowSize = limits.ConnectionWindowBytes;
        http2.MaxStreamsPerConnection = limits.MaxStreamsPerConnection;
        http2.KeepAlivePingDelay = limits.KeepAlivePingDelay;
        http2.KeepAlivePingTimeout = limits.KeepAlivePingTimeout;
    }

    /// <summary>One pool for all threads that receive.</summary>
    private sealed class SocketPools(BlockPool pool) : IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => pool;
    }

    private sealed class MessagePool(BlockPool pool) : IMemoryPoolFeature
    {
        public MemoryPool<byte> MemoryPool => pool;
    }
}
