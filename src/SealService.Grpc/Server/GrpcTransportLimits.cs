namespace Grpc.Server;

/// <summary>The limits of HTTP/2 below the calls.</summary>
public sealed class GrpcTransportLimits
{
    /// <summary>
    /// How much a client may send on one stream before the server has read it. Kestrel has no dynamic window, and uploads need the
    /// bandwidth-delay product: 1 MiB fills 1 Gbit/s at 8 ms.
    /// </summary>
    public int StreamWindowBytes { get; set; } = 1024 * 1024;

    /// <summary>
    /// The same for one connection, all streams together. The memory that clients can hold unread is at most this times the connections.
    /// </summary>
    public int ConnectionWindowBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Calls at a time on one connection; a client waits or opens another connection.</summary>
    public int MaxStreamsPerConnection { get; set; } = 100;

    /// <summary>Connections at a time, of any protocol; further ones are closed at once.</summary>
    public int MaxConnections { get; set; } = 1000;

    /// <summary>The largest request metadata, all headers together. Over it: HTTP 431.</summary>
    public int MaxMetadataBytes { get; set; } = 16 * 1024;

    /// <summary>
    /// Receive buffers that are kept for further use when no traffic needs them, of each of the two sizes (64 KiB for sockets, 16 KiB
    /// for messages). It is no limit of what traffic may need: that is bounded by the windows, with at least a block
    /// for each connection that has sent part of a frame, and for each call that has sent part of a message or has not had its answer read.
    /// </summary>
    public long IdleBufferBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>How long a connection is silent before it is asked for a sign of life.</summary>
    public TimeSpan KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long that sign may take, before the connection is closed.</summary>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a connection without a call stays open, one that never begins to speak HTTP/2 among them.</summary>
    public TimeSpan ConnectionIdleTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long the headers of a request may take, from the first byte to the last, however many frames they come in.</summary>
    public TimeSpan RequestHeadersTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
