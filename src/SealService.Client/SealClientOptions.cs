using Grpc.Core;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>Where the server is and what is believed of it.</summary>
public sealed record SealClientOptions
{
    /// <summary>The most connections that one client opens.</summary>
    public const int ConnectionsMax = 64;

    /// <summary>Where a server listens when nothing else is said.</summary>
    public static readonly Uri DefaultAddress = new("http://127.0.0.1:7070");

    /// <summary>http (HTTP/2 without TLS) or https, host and port.</summary>
    public Uri Address { get; init; } = DefaultAddress;

    /// <summary>
    /// Connections to the server, 1 to <see cref="ConnectionsMax"/>. One connection hardly uses more than one core of either side.
    /// </summary>
    public int Connections { get; init; } = 1;

    /// <summary>A PEM file of the authorities that may issue the server's certificate; null for the machine's own.</summary>
    public string? CaCertificateFile { get; init; }

    /// <summary>The ledger's name; empty for the server's default ledger.</summary>
    public string Ledger { get; init; } = "";

    /// <summary>
    /// The keys that checkpoints must be signed by. With none, the proofs of an answer are checked, and that its checkpoint
    /// is well formed, but not who signed it.
    /// </summary>
    public IReadOnlyList<VerifierKey> TrustedKeys { get; init; } = [];

    /// <summary>How long a call with one answer may take, sealing a single document excepted.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock of time-outs and delays.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The options of a call with one answer.</summary>
    internal CallOptions Unary(CancellationToken cancellationToken) =>
        new(deadline: (TimeProvider.GetUtcNow() + CallTimeout).UtcDateTime, cancellationToken: cancellationToken);

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        if (!Address.IsAbsoluteUri || (Address.Scheme != Uri.UriSchemeHttp && Address.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"The server's address must begin with http:// or https://, not '{Address}'.", nameof(Address));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(Connections, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Connections, ConnectionsMax);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(CallTimeout, TimeSpan.Zero);
    }
}
