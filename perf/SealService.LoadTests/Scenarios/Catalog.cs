using SealService.LoadTests.Pacing;
using SealService.LoadTests.Running;
using SealService.LoadTests.Servers;
using SealService.LoadTests.Traffic;

namespace SealService.LoadTests.Scenarios;

/// <summary>All scenarios, with the thresholds that the project has set itself.</summary>
internal sealed class Catalog
{
    /// <summary>Enough for what makes each document of a run another one.</summary>
    public const int DocumentBytesMin = 64;

    /// <summary>Larger documents go in chunks, which large-64m measures.</summary>
    public const int WholeDocumentBytesMax = 1024 * 1024;

    private const int Kibibyte = 1024;
    private const long Mebibyte = 1024 * 1024;

    // Waits of an open loop take no window away: what is due is sent.
    private const int OpenLoopWindow = 1 << 18;

    // The run before, which measures the capacity, leaves runs of the index to merge.
    private static readonly TimeSpan OpenLoopWarmUp = TimeSpan.FromSeconds(3);

    // Short and many: some machines change their speed every few seconds, and a round compares within one speed.
    private static readonly TimeSpan ShortRound = TimeSpan.FromSeconds(1.5);

    private static readonly Threshold NoErrors = Threshold.AtMost(Metrics.Errors, 0);

    private readonly LoadShape _shape;

    private Catalog(LoadShape shape)
    {
        _shape = shape;
    }

    /// <summary>The scenarios in the order in which they run.</summary>
    public static IReadOnlyList<Scenario> Create(LoadShape shape) => [.. new Catalog(shape).CreateAll().Select(shape.Apply)];

    /// <summary>Whether a folder is there and has files that the scenario with mixed sizes can send.</summary>
    public static bool HasDocuments(string folder)
    {
        try
        {
            return DocumentsIn(folder).Any();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private IEnumerable<Scenario> CreateAll() =>
    [
        new("bulk-1k", "Bulk stream, 1 KiB whole documents, compact receipts, 4 connections, closed loop")
        {
            Traffic = Bulk(Kibibyte),
            Rounds = 9,
            Duration = ShortRound,
            Thresholds =
            [
                NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.Null), 0.5), Threshold.AtLeast(Metrics.RatioTo(Target.HashOnly), 0.75),
                Threshold.AtMost(Metrics.AllocatedBytesPerDocument, 64),
            ],
        },
        new("bulk-64k", "The same with 64 KiB")
        {
            // With a quarter of it the window was full now and then, and a document waited for answers and not for the service.
            Traffic = Bulk(64 * Kibibyte, window: 1024),
            Rounds = 5,
            Duration = ShortRound,
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.HashOnly), 0.85)],
        },
        new("bulk-mixed", "The same with the files of a folder, large and small")
        {
            Traffic = Stream(MixedFrames(_shape.Folder), window: 1024),
            Thresholds = [NoErrors],
        },
        new("large-64m", "One document of 64 MiB after another, in chunks on one stream")
        {
            Traffic = new LargeDocumentTraffic { DocumentBytes = 64 * Mebibyte },
            ComparesBytes = true,
            Connections = 1,
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.HashOnly), 0.9)],
        },
        new("large-1g", "One document of 1 GiB in chunks on one stream")
        {
            Traffic = new LargeDocumentTraffic { DocumentBytes = 1024 * Mebibyte },
            ComparesBytes = true,
            Connections = 1,
            Duration = TimeSpan.FromSeconds(5),
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.HashOnly), 0.9), Threshold.AtMost(Metrics.RssAboveIdleMib, 32)],
        },
        new("digests", "SealDigests, 512 digests a message, 4 connections, closed loop")
        {
            Traffic = Digests(),
            Targets = [Target.Null, Target.Service],
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.DocumentsPerSecond, 1_500_000), Threshold.AtLeast(Metrics.DocumentsPerSignature, 1000)],
        },
        new("unary-400", "SealDocument of 1 KiB, 400 calls in flight on 4 connections")
        {
            Traffic = new UnaryTraffic { Concurrency = 400, DocumentBytes = Kibibyte },
            Targets = [Target.Null, Target.Service],
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.Null), 0.5)],
        },
        new("unary-1", "SealDocument of 1 KiB, one call in flight")
        {
            Traffic = new UnaryTraffic { Concurrency = 1, DocumentBytes = Kibibyte },
            Targets = [Target.Null, Target.Service],
            Connections = 1,
            Rounds = 1,
            Thresholds = [NoErrors, Threshold.AtMost(Metrics.P50AboveSealingMs, 0.5)],
        },
        new("open-constant", "Bulk, 1 KiB, open loop, evenly spaced at half of the capacity; latency from the intended start")
        {
            Traffic = OpenLoop(Pace.Shape.Constant),
            Targets = [Target.Service],
            Rounds = 1,
            WarmUp = OpenLoopWarmUp,
            Duration = TimeSpan.FromSeconds(8),
            Thresholds = [NoErrors, Threshold.AtMost(Metrics.P99Ms, 15), Threshold.AtMost(Metrics.P999Ms, 50)],
        },
        new("open-poisson", "The same with Poisson arrivals")
        {
            Traffic = OpenLoop(Pace.Shape.Poisson),
            Targets = [Target.Service],
            Rounds = 1,
            WarmUp = OpenLoopWarmUp,
            Duration = TimeSpan.FromSeconds(8),
            Thresholds = [NoErrors],
        },
        new("open-ramp", "The same, rising from a twentieth to half of the capacity in 8 s")
        {
            Traffic = OpenLoop(Pace.Shape.Ramp),
            Targets = [Target.Service],
            Rounds = 1,
            WarmUp = TimeSpan.Zero,
            Duration = Pace.RampDuration + TimeSpan.FromSeconds(2),
            Thresholds = [NoErrors],
        },
        new("verify", "VerifyReceipts with 1 KiB documents that one stream had sealed, 4 connections, closed loop")
        {
            Traffic = new VerificationTraffic { DocumentBytes = Kibibyte },
            Rounds = 5,
            Duration = ShortRound,
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.HashOnly), 0.75)],
        },
        new("verify-singly", "The same with documents that were sealed each in a call and a batch of its own")
        {
            Traffic = new VerificationTraffic { DocumentBytes = Kibibyte, SealedSingly = true },
            Rounds = 3,
            Duration = ShortRound,
            Thresholds = [NoErrors],
        },
        new("reads-under-write", "GetReceipt and GetInclusionProof, 8 in flight, while 20,000 documents a second are sealed")
        {
            Traffic = Paced(20_000).AsBackground() + new ReadTraffic { Concurrency = 8 },
            Targets = [new Target("seal-100k") { EntriesBefore = 100_000 }],
            Rounds = 1,
            Duration = TimeSpan.FromSeconds(5),
            Thresholds = [NoErrors],
        },
        new("mixed", "Bulk (20,000/s), digests (50,000/s), unary (16 in flight) and reads (4 in flight) at the same time")
        {
            Traffic = Paced(20_000) + PacedDigests(50_000) + new UnaryTraffic { Concurrency = 16, DocumentBytes = Kibibyte } + new ReadTraffic { Concurrency = 4 },
            Targets = [new Target("seal-100k") { EntriesBefore = 100_000 }],
            Rounds = 1,
            Duration = TimeSpan.FromSeconds(6),
            Thresholds = [NoErrors],
        },
        new("reconnect-storm", "Connect, seal 100 documents, disconnect; 32 at a time")
        {
            Traffic = new ReconnectTraffic { Concurrency = 32, DocumentBytes = Kibibyte },
            Targets = [Target.Service],
            Rounds = 1,
            Thresholds = [NoErrors],
        },
        new("slow-hsm", "bulk-1k on an HSM that takes 3 ms a signature and makes 330 a second, against SoftHSM as it is")
        {
            Traffic = Bulk(Kibibyte, window: 16_384),
            Targets = [Target.Service, new Target("seal-slow-hsm") { Hsm = new HsmProfile(SignLatencyMs: 3, SignsPerSecondMax: 330) }],
            Rounds = 3,
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.Service), 0.9)],
        },
        new("full-ledger", "bulk-1k on a ledger of 10,000,000 entries, against one that began empty")
        {
            Traffic = Bulk(Kibibyte),
            Targets = [Target.Service, new Target("seal-10m") { EntriesBefore = 10_000_000 }],
            Rounds = 3,
            Thresholds = [NoErrors, Threshold.AtLeast(Metrics.RatioTo(Target.Service), 0.9)],
        },
        new("soak", "Bulk, 1 KiB, open loop at 50,000 documents a second; memory must stay flat")
        {
            Traffic = Paced(50_000),
            Targets = [Target.Service],
            Rounds = 1,
            WarmUp = TimeSpan.FromSeconds(10), // pools and caches fill
            Duration = _shape.Soak,
            Thresholds = [NoErrors, Threshold.AtMost(Metrics.RssMib, 400), Threshold.AtMost(Metrics.RssGrowthMib, 32)],
        },
    ];

    private StreamTraffic Bulk(int documentBytes, int window = 8192) => Stream(Frames(documentBytes), window);

    private StreamTraffic OpenLoop(Pace.Shape shape) =>
        Stream(Frames(Kibibyte), OpenLoopWindow, _shape.Rate is { } rate ? Pace.PerSecond(rate, shape) : Pace.OfCapacity(0.5, shape));

    private StreamTraffic Paced(double perSecond) => Stream(Frames(Kibibyte), OpenLoopWindow, Pace.PerSecond(perSecond));

    private StreamTraffic Digests() => Stream(static (stream, seed) => new DigestFrames(stream, seed), window: 1 << 15);

    private StreamTraffic PacedDigests(double perSecond) => Stream(static (stream, seed) => new DigestFrames(stream, seed), OpenLoopWindow, Pace.PerSecond(perSecond));

    private StreamTraffic Stream(Func<int, int, FrameSource> frames, int window, Pace? pace = null) =>
        new() { Frames = frames, Window = window, Pace = pace, StreamsPerConnection = _shape.StreamsPerConnection };

    private Func<int, int, FrameSource> Frames(int documentBytes) => (stream, seed) =>
    {
#pragma warning disable CA5394 // any bytes do as a document
        var random = new Random(seed);
        var sizes = documentBytes == Kibibyte && _shape.DocumentSizes is { } mix ? mix : [documentBytes];
        return new DocumentFrames([.. sizes.Select(size => NextDocument(random, size))], stream);

        static byte[] NextDocument(Random random, int size)
        {
            var document = new byte[size];
            random.NextBytes(document);
            return document;
        }
#pragma warning restore CA5394
    };

    private static Func<int, int, FrameSource> MixedFrames(string folder)
    {
        var documents = new Lazy<List<byte[]>>(() => [.. DocumentsIn(folder).Take(256).Select(File.ReadAllBytes)]);
        return (stream, _) => new DocumentFrames(documents.Value, stream);
    }

    private static IEnumerable<string> DocumentsIn(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Where(f => new FileInfo(f).Length is >= DocumentBytesMin and <= WholeDocumentBytesMax);
}
