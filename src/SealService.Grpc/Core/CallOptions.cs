namespace Grpc.Core;

/// <summary>Options of one call.</summary>
public readonly record struct CallOptions
{
    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Design",
        "CA1068:CancellationToken parameters must come last",
        Justification = "Generated clients pass the arguments in this order.")]
    public CallOptions(
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default,
        WriteOptions? writeOptions = null,
        CallCredentials? credentials = null)
    {
        Headers = headers;
        Deadline = deadline;
        CancellationToken = cancellationToken;
        WriteOptions = writeOptions;
        Credentials = credentials;
    }

    /// <summary>
    /// Metadata to send with the call. The values of a repeated key go as one header, joined with commas: our server takes those of a
    /// <c>-bin</c> key apart again, servers on gRPC core refuse the call.
    /// </summary>
    public Metadata? Headers { get; private init; }

    /// <summary>The instant (UTC) after which the call ends with DEADLINE_EXCEEDED.</summary>
    public DateTime? Deadline { get; private init; }

    public CancellationToken CancellationToken { get; private init; }

    public WriteOptions? WriteOptions { get; private init; }

    public CallCredentials? Credentials { get; private init; }

    /// <summary>
    /// The call may be sent again when the server was not reached or answered UNAVAILABLE: the caller knows that sending it twice
    /// does no harm. Only unary calls are repeated.
    /// </summary>
    public bool IsSafeToRetry { get; private init; }

    /// <summary>The deadline as an instant; null when there is none.</summary>
    internal DateTimeOffset? UtcDeadline =>
        Deadline is { } deadline && deadline != DateTime.MaxValue ? new DateTimeOffset(deadline.ToUniversalTime(), TimeSpan.Zero) : null;

    public CallOptions WithHeaders(Metadata headers) => this with { Headers = headers };

    public CallOptions WithDeadline(DateTime deadline) => this with { Deadline = deadline };

    public CallOptions WithCancellationToken(CancellationToken cancellationToken) => this with { CancellationToken = cancellationToken };

    public CallOptions WithWriteOptions(WriteOptions writeOptions) => this with { WriteOptions = writeOptions };

    public CallOptions WithCredentials(CallCredentials credentials) => this with { Credentials = credentials };

    /// <summary>Marks the call as <see cref="IsSafeToRetry"/>.</summary>
    public CallOptions WithSafeToRetry(bool safeToRetry = true) => this with { IsSafeToRetry = safeToRetry };
}
