namespace Grpc.Server;

/// <summary>The limits and choices of a <see cref="GrpcServer"/>. Every limit is a maximum that is met with a status, not with memory.</summary>
public sealed class GrpcServerOptions
{
    /// <summary>The largest request message, also after decompression. Over it: RESOURCE_EXHAUSTED, before it is buffered.</summary>
    public int MaxReceiveMessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>
    /// The bytes that large request messages of all calls together may hold while they arrive, or until they are consumed when they came
    /// in parts or compressed; a compressed one counts as received and as decompressed. A message of which up to 64 KiB are there is
    /// free. At least <see cref="MaxReceiveMessageBytes"/>. Over it: RESOURCE_EXHAUSTED with a retry delay, before more is buffered.
    /// </summary>
    public long MaxAssemblyBytes { get; set; } = 256 * 1024 * 1024;

    /// <summary>The calls at a time, over all connections. Over it: RESOURCE_EXHAUSTED with a retry delay, before anything is read.</summary>
    public int MaxConcurrentCalls { get; set; } = 10_000;

    /// <summary>The largest response message. Over it: RESOURCE_EXHAUSTED.</summary>
    public int MaxSendMessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>
    /// The most that response headers or trailers may count, at name + value + 32 bytes each. Trailers over it are not sent, their
    /// status is. Requests are limited by <see cref="GrpcTransportLimits.MaxMetadataBytes"/>, below this layer.
    /// </summary>
    public int MaxMetadataBytes { get; set; } = 16 * 1024;

    /// <summary>The longest deadline that a client is given; one that asks for more gets this. At most ten years.</summary>
    public TimeSpan MaxDeadline { get; set; } = TimeSpan.FromDays(30);

    /// <summary>
    /// How long a handler waits for a client that sends nothing, and again from a message's first byte to its last, before the call ends
    /// with DEADLINE_EXCEEDED. This replaces the minimum data rate of Kestrel, which takes the whole connection down for one idle stream.
    /// </summary>
    public TimeSpan IdleReadTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a write waits for a client that does not read, before the stream is reset.</summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long the rest of the requests is read and dropped after a call that ended early. A reset at once would let some clients
    /// report the reset in place of the status. Positive.
    /// </summary>
    public TimeSpan EarlyEndDrainTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether responses are compressed for the clients that accept gzip, unless a call chooses otherwise.</summary>
    public bool CompressResponses { get; set; }

    /// <summary>
    /// Cancelled when the server is to stop: new calls are refused with UNAVAILABLE, except <c>Check</c> of the health service; reflection
    /// ends. Calls that are running ask for it with <see cref="ServerCallContextExtensions.GetDraining"/>.
    /// </summary>
    public CancellationToken Draining { get; set; }

    /// <summary>What errors call an option, given its name here: a host's name for it is what its operator can look up.</summary>
    public Func<string, string> LimitName { get; set; } = static name => name;

    internal GrpcServerOptions Clone() => (GrpcServerOptions)MemberwiseClone();

    /// <exception cref="InvalidOperationException">A limit is out of its range.</exception>
    internal void Validate()
    {
        Require(MaxReceiveMessageBytes > 0, nameof(MaxReceiveMessageBytes));
        Require(MaxAssemblyBytes >= MaxReceiveMessageBytes, nameof(MaxAssemblyBytes));
        Require(MaxConcurrentCalls > 0, nameof(MaxConcurrentCalls));
        Require(MaxSendMessageBytes > 0, nameof(MaxSendMessageBytes));
        Require(MaxMetadataBytes > 0, nameof(MaxMetadataBytes));
        Require(MaxDeadline > TimeSpan.Zero, nameof(MaxDeadline));
        Require(MaxDeadline <= TimeSpan.FromDays(3650), nameof(MaxDeadline));
        Require(IdleReadTimeout > TimeSpan.Zero, nameof(IdleReadTimeout));
        Require(WriteTimeout > TimeSpan.Zero, nameof(WriteTimeout));
        Require(EarlyEndDrainTimeout > TimeSpan.Zero, nameof(EarlyEndDrainTimeout));
        Require(LimitName is not null, nameof(LimitName));

        static void Require(bool holds, string name)
        {
            if (!holds)
            {
                throw new InvalidOperationException($"{nameof(GrpcServerOptions)}.{name} is out of its range.");
            }
        }
    }
}
