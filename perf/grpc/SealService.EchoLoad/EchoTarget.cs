namespace SealService.EchoLoad;

/// <summary>Which process serves a target.</summary>
internal enum EchoServerKind
{
    /// <summary>The gRPC layer, and bare Kestrel beside it.</summary>
    Ours,

    /// <summary>gRPC C++ on completion queues, its fastest API for unary calls.</summary>
    CppAsync,

    /// <summary>gRPC C++ with a thread for each call, its fastest API for streams.</summary>
    CppSync,
}

/// <summary>A method that echoes, and the load that it is given.</summary>
/// <param name="Name">In tables and results.</param>
/// <param name="Server">The process that serves it.</param>
/// <param name="Service">The first part of its path.</param>
/// <param name="Method">The second.</param>
/// <param name="IsStream">One stream of many messages on each connection; otherwise many calls of one message.</param>
/// <param name="Connections">Each has a thread of the client.</param>
internal sealed record EchoTarget(string Name, EchoServerKind Server, string Service, string Method, bool IsStream, int Connections)
{
    private const string Echo = "perf.v1.Echo";
    private const int UnaryConnections = 4;
    private const int Streams = 4;

    public static readonly EchoTarget BareUnary = new("unary, bare Kestrel", EchoServerKind.Ours, "bare", "unary", IsStream: false, UnaryConnections);
    public static readonly EchoTarget RawUnary = new("unary, zero-copy door", EchoServerKind.Ours, Echo, "RawUnary", IsStream: false, UnaryConnections);
    public static readonly EchoTarget Unary = new("unary, generated types", EchoServerKind.Ours, Echo, "Unary", IsStream: false, UnaryConnections);
    public static readonly EchoTarget CppUnary = new("unary, gRPC C++", EchoServerKind.CppAsync, Echo, "Unary", IsStream: false, UnaryConnections);
    public static readonly EchoTarget HandStream = new("1 stream, hand framing", EchoServerKind.Ours, "bare", "stream", IsStream: true, 1);
    public static readonly EchoTarget RawStream = new("1 stream, zero-copy door", EchoServerKind.Ours, Echo, "RawStream", IsStream: true, 1);
    public static readonly EchoTarget Stream = new("1 stream, generated types", EchoServerKind.Ours, Echo, "Stream", IsStream: true, 1);
    public static readonly EchoTarget CppStream = new("1 stream, gRPC C++", EchoServerKind.CppSync, Echo, "Stream", IsStream: true, 1);
    public static readonly EchoTarget HandStreams = HandStream with { Name = "4 streams, hand framing", Connections = Streams };
    public static readonly EchoTarget RawStreams = RawStream with { Name = "4 streams, zero-copy door", Connections = Streams };
    public static readonly EchoTarget GeneratedStreams = Stream with { Name = "4 streams, generated types", Connections = Streams };
    public static readonly EchoTarget CppStreams = CppStream with { Name = "4 streams, gRPC C++", Connections = Streams };

    /// <summary>In the order in which each round measures them: what is compared stands together.</summary>
    public static IReadOnlyList<EchoTarget> All { get; } =
        [BareUnary, RawUnary, Unary, CppUnary, HandStream, RawStream, Stream, CppStream, HandStreams, RawStreams, GeneratedStreams, CppStreams];

    public string Path => $"/{Service}/{Method}";
}

/// <summary>How much of a reference's messages a second a target must reach.</summary>
internal sealed record EchoThreshold(EchoTarget Target, EchoTarget Reference, double RatioMin)
{
    public static IReadOnlyList<EchoThreshold> All { get; } =
    [
        new(EchoTarget.RawUnary, EchoTarget.BareUnary, 0.85),
        new(EchoTarget.Unary, EchoTarget.BareUnary, 0.85),
        new(EchoTarget.Unary, EchoTarget.CppUnary, 1),
        new(EchoTarget.Stream, EchoTarget.HandStream, 0.5),
        new(EchoTarget.GeneratedStreams, EchoTarget.HandStreams, 0.5),
        new(EchoTarget.RawStream, EchoTarget.HandStream, 0.85),
        new(EchoTarget.RawStreams, EchoTarget.HandStreams, 0.85),
        new(EchoTarget.Stream, EchoTarget.CppStream, 1.5),
        new(EchoTarget.GeneratedStreams, EchoTarget.CppStreams, 1.5),
    ];
}
