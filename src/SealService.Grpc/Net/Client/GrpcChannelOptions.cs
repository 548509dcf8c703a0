using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>The limits and choices of a <see cref="GrpcChannel"/>.</summary>
public sealed class GrpcChannelOptions
{
    /// <summary>
    /// How many HTTP/2 connections the calls are spread over, in turn. One connection is the work of about one core, on either side.
    /// </summary>
    public int Connections { get; set; } = 1;

    /// <summary>The largest response message, also after decompression. Over it: RESOURCE_EXHAUSTED.</summary>
    public int MaxReceiveMessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>The largest request message. Over it: RESOURCE_EXHAUSTED.</summary>
    public int MaxSendMessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>The largest response headers and the largest trailers, in KiB.</summary>
    public int MaxMetadataKibibytes { get; set; } = 64;

    /// <summary>How much the server may send on one stream before it was read. It grows with the connection's delay, up to 16 MiB.</summary>
    public int StreamWindowBytes { get; set; } = 1024 * 1024;

    /// <summary>How much a streaming call buffers before its writes wait.</summary>
    public int RequestBufferBytes { get; set; } = 1024 * 1024;

    /// <summary>How long opening a connection may take.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection with calls on it is silent before it is asked for a sign of life.</summary>
    public TimeSpan KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long that sign may take, before the connection is closed and its calls end with UNAVAILABLE.</summary>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>The roots that a server's certificate must lead to; null for the machine's own.</summary>
    public X509Certificate2Collection? TrustedRoots { get; set; }

    /// <summary>Judges the server's certificate in place of the usual rules; null for those.</summary>
    public RemoteCertificateValidationCallback? ServerCertificateValidation { get; set; }

    /// <summary>What the client proves itself with; null for no client certificate.</summary>
    public X509CertificateCollection? ClientCertificates { get; set; }

    /// <summary>Credentials of every call, before those of the call itself.</summary>
    public CallCredentials? Credentials { get; set; }

    /// <summary>Lets credentials go over a connection without TLS: for a TLS-terminating proxy on the same machine, or tests.</summary>
    public bool AllowCredentialsWithoutTls { get; set; }

    /// <summary>How calls that are <see cref="CallOptions.IsSafeToRetry"/> are repeated.</summary>
    public GrpcRetryOptions Retry { get; set; } = new();

    /// <summary>Where deadlines and pauses take their time from.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    internal void Validate()
    {
        Require(Connections > 0, nameof(Connections));
        Require(MaxReceiveMessageBytes > 0, nameof(MaxReceiveMessageBytes));
        Require(MaxSendMessageBytes > 0, nameof(MaxSendMessageBytes));
        Require(MaxMetadataKibibytes > 0, nameof(MaxMetadataKibibytes));
        Require(RequestBufferBytes > 1, nameof(RequestBufferBytes));
        Require(Retry.AttemptsMax > 0, nameof(Retry.AttemptsMax));
        Require(Retry.FirstPause > TimeSpan.Zero, nameof(Retry.FirstPause));
        Require(Retry.LongestPause >= Retry.FirstPause, nameof(Retry.LongestPause));

        static void Require(bool holds, string name)
        {
            if (!holds)
            {
                throw new InvalidOperationException($"{nameof(GrpcChannelOptions)}.{name} is too small.");
            }
        }
    }
}

/// <summary>
/// How a call is repeated after UNAVAILABLE: after a pause of random length up to a bound that doubles each time, unless the server
/// said when to come back.
/// </summary>
public sealed class GrpcRetryOptions
{
    /// <summary>Attempts, the first one included.</summary>
    public int AttemptsMax { get; set; } = 4;

    /// <summary>The bound of the first pause.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The largest bound, and the longest that a server's own wish is followed.</summary>
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(5);
}
