namespace SealService.Configuration;

/// <summary>
/// The server's whole configuration: section <c>Seal</c> of appsettings.json, of the environment (<c>Seal__Hsm__PinFile</c>) and of the
/// command line (<c>--Seal:Hsm:PinFile=…</c>), the later one winning. Checked by <see cref="SealOptionsValidation"/> before anything starts.
/// </summary>
public sealed class SealOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Seal";

    /// <summary>Where the server listens.</summary>
    public ListenOptions Listen { get; set; } = new();

    /// <summary>The HSM that signs.</summary>
    public HsmOptions Hsm { get; set; } = new();

    /// <summary>The ledgers; the first one is the default. At least one.</summary>
    public IList<LedgerEntryOptions> Ledgers { get; set; } = [];

    /// <summary>What a caller can ask for at most.</summary>
    public LimitOptions Limits { get; set; } = new();

    /// <summary>Where traces and metrics are pushed.</summary>
    public TelemetryOptions Telemetry { get; set; } = new();
}

/// <summary>Where the server listens, and how connections are protected.</summary>
public sealed class ListenOptions
{
    /// <summary>Address and port for gRPC (HTTP/2).</summary>
    public string Grpc { get; set; } = "127.0.0.1:7070";

    /// <summary>Address and port for <c>/metrics</c>, <c>/healthz</c> and <c>/checkpoint</c> (HTTP/1.1); empty for none.</summary>
    public string Http { get; set; } = "127.0.0.1:7071";

    /// <summary>PEM file with the server's certificate and its chain; with it both endpoints speak TLS 1.2 or later.</summary>
    public string CertificateFile { get; set; } = "";

    /// <summary>PEM file with the certificate's private key.</summary>
    public string PrivateKeyFile { get; set; } = "";

    /// <summary>Allows clear text on an address that is not loopback.</summary>
    public bool Insecure { get; set; }
}

/// <summary>The PKCS#11 module, its token, and the sessions on it.</summary>
public sealed class HsmOptions
{
    /// <summary>Path of the PKCS#11 module.</summary>
    public string Module { get; set; } = "";

    /// <summary>The token's label.</summary>
    public string TokenLabel { get; set; } = "";

    /// <summary>The token's serial number, where labels are not unique; empty for any.</summary>
    public string TokenSerial { get; set; } = "";

    /// <summary>File with the user PIN; mode 600 or stricter.</summary>
    public string PinFile { get; set; } = "";

    /// <summary>Sessions that sign, each with a thread of its own. Lowered to what the token allows.</summary>
    public int SessionsMax { get; set; } = 4;

    /// <summary>Signatures that may wait for a session.</summary>
    public int QueueLengthMax { get; set; } = 1024;

    /// <summary>How long a caller waits for one signature.</summary>
    public TimeSpan SignTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Shortest time between two re-initialisations of the module.</summary>
    public TimeSpan ReinitializeInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Refuses keys that were not generated in the token or could ever be exported.</summary>
    public bool RequireHardwareOrigin { get; set; }
}

/// <summary>One ledger.</summary>
public sealed class LedgerEntryOptions
{
    /// <summary>Largest <see cref="BatchBytesMax"/>: one 4 MiB page of the log, less what the checkpoint and the framing take.</summary>
    public const int BatchBytesCeiling = 4_000_000;

    /// <summary>The name by which requests choose the ledger.</summary>
    public string Name { get; set; } = "default";

    /// <summary>The origin line of its checkpoints: a schema-less URL that is this ledger's for ever, for example <c>seal.example.com/contracts</c>.</summary>
    public string Origin { get; set; } = "";

    /// <summary>Its data folder.</summary>
    public string Folder { get; set; } = "";

    /// <summary>CKA_LABEL of the key that signs its checkpoints.</summary>
    public string KeyLabel { get; set; } = "seal-ledger";

    /// <summary>Most entries in one batch.</summary>
    public int BatchEntriesMax { get; set; } = 32_768;

    /// <summary>Most bytes of entries in one batch; a batch must fit one page of the log.</summary>
    public int BatchBytesMax { get; set; } = 3 * 1024 * 1024;

    /// <summary>While many documents come (batches of 64 and more): the least time from one batch to the next, unless it is full.</summary>
    public TimeSpan BatchInterval { get; set; } = TimeSpan.FromMilliseconds(2);

    /// <summary>The same while documents come as fast as the processor can take them (batches of 6,144 and more).</summary>
    public TimeSpan LongBatchInterval { get; set; } = TimeSpan.FromMilliseconds(12);

    /// <summary>How long one durable write may take before the process gives up as in an unknown state.</summary>
    public TimeSpan CommitTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Sealed batches of one stream that may wait for the client to read them; then its documents wait.</summary>
    public int UnreadAnswersPerStreamMax { get; set; } = 4;

    /// <summary>Entries after which a snapshot is written; a restart scans at most so many, and those not yet indexed.</summary>
    public int SnapshotEntries { get; set; } = 1_000_000;

    /// <summary>Keys that the lookup index holds in memory before it writes them to disk; about 40 bytes each, twice.</summary>
    public int IndexKeysInMemoryMax { get; set; } = 256 * 1024;

    /// <summary>Memory of sealed batches that wait to be indexed, in MiB; above it sealing waits.</summary>
    public int IndexBacklogMibMax { get; set; } = 32;

    /// <summary>Memory for records that were read lately, in MiB.</summary>
    public int RecordCacheMib { get; set; } = 64;

    /// <summary>Stops accepting documents when the data folder's disk has less free space than this, in MiB.</summary>
    public int DiskFreeMinMib { get; set; } = 256;
}

/// <summary>What a caller can ask for at most.</summary>
public sealed class LimitOptions
{
    /// <summary>Most bytes of one gRPC message that is received.</summary>
    public int MessageBytesMax { get; set; } = 4 * 1024 * 1024;

    /// <summary>Most bytes of one document.</summary>
    public long DocumentBytesMax { get; set; } = 16L * 1024 * 1024 * 1024;

    /// <summary>Most documents of one stream that are begun and not ended.</summary>
    public int OpenDocumentsPerStreamMax { get; set; } = 64;

    /// <summary>Most digests in one message of SealDigests.</summary>
    public int DigestsPerMessageMax { get; set; } = 65_536;

    /// <summary>Most receipts of one stream that are being looked up for documents that were sealed before.</summary>
    public int LookupsPerStreamMax { get; set; } = 32;

    /// <summary>Most concurrent streams of one HTTP/2 connection.</summary>
    public int StreamsPerConnectionMax { get; set; } = 256;

    /// <summary>Most concurrent connections.</summary>
    public int ConnectionsMax { get; set; } = 1024;

    /// <summary>Most calls at a time, of all connections.</summary>
    public int CallsMax { get; set; } = 10_000;

    /// <summary>Memory for messages over 64 KiB that have not arrived completely or are being decompressed, of all calls, in MiB.</summary>
    public int UnfinishedMessagesMibMax { get; set; } = 256;

    /// <summary>HTTP/2 flow-control window of one stream.</summary>
    public int StreamWindowBytes { get; set; } = 1024 * 1024;

    /// <summary>HTTP/2 flow-control window of one connection. With <see cref="UnfinishedMessagesMibMax"/> it bounds what peers can make the server hold.</summary>
    public int ConnectionWindowBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Receive buffers that are kept when no traffic needs them, of each of two sizes, in MiB.</summary>
    public int IdleBuffersMibMax { get; set; } = 64;

    /// <summary>How long the server waits for a client that sends nothing within a call that waits for it.</summary>
    public TimeSpan ReadIdleTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the server waits for a client that does not read its answers.</summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a stopping server waits for the calls that are running.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>Longest deadline that a caller is given; one that asks for more gets this.</summary>
    public TimeSpan DeadlineMax { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Most bytes of a request's or a response's metadata.</summary>
    public int MetadataBytesMax { get; set; } = 16 * 1024;

    /// <summary>How long a connection is silent before it is asked for a sign of life.</summary>
    public TimeSpan KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long that sign may take before the connection is closed.</summary>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a connection without a call stays open, one that never begins to speak HTTP/2 among them.</summary>
    public TimeSpan ConnectionIdleTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long the headers of a request may take to arrive.</summary>
    public TimeSpan RequestHeadersTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Largest <c>page_size</c> of FindEntries.</summary>
    public int FindPageSizeMax { get; set; } = 1000;

    /// <summary>Bytes of entries in one message of GetEntries, about.</summary>
    public int EntriesMessageBytes { get; set; } = 64 * 1024;
}

/// <summary>Where traces and metrics are pushed.</summary>
public sealed class TelemetryOptions
{
    /// <summary>OTLP endpoint (gRPC), for example <c>http://127.0.0.1:4317</c>; empty for none.</summary>
    public string OtlpEndpoint { get; set; } = "";

    /// <summary>Logs as JSON lines instead of text.</summary>
    public bool JsonLogs { get; set; }
}
