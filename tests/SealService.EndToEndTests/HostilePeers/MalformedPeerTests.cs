using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using Google.Protobuf;
using Grpc.Core;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests.HostilePeers;

/// <summary>Peers whose bytes are made to cost the server more than themselves. What each test asserts beside its own: <see cref="Siege"/>.</summary>
[Collection(nameof(HostilePeersCollection))]
public sealed class MalformedPeerTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private const string SealDocuments = "/seal.v1.Sealing/SealDocuments";
    private const int MessageBytesMax = 4 << 20; // the server's default

    private static readonly byte[] ValidMessage =
        Http2Frames.Message(new SealDocumentsRequest { Whole = new WholeDocument { Content = ByteString.CopyFromUtf8("valid") } }.ToByteArray());

    [Fact]
    public Task RapidReset_OfAThousandStreamsASecond_LeavesNoCalls() => Siege.RunAsync(hsm, memoryMibMax: 64, async siege =>
    {
        const int StrikesPerSecond = 100, ResetsPerStrike = 10;
        await using var attacker = new ReconnectingPeer(siege.Server);
        await siege.RepeatAsync(StrikesPerSecond, () => attacker.SendAsync(ResetsPerStrike, stream =>
            [.. Http2Frames.Call(stream, SealDocuments), .. Http2Frames.Data(stream, ValidMessage), .. Http2Frames.Reset(stream, Http2Error.Cancel)]));
    });

    [Fact]
    public Task HeaderFloods_EndBeforeThereIsACall() => Siege.RunAsync(
        hsm,
        memoryMibMax: 64,
        async siege =>
        {
            const int FloodsPerSecond = 50, EmptyFramesPerFlood = 20;
            byte[][] floods =
            [
                Flood(fields: 20, valueChars: 1000), // over Seal:Limits:MetadataBytesMax
                Flood(fields: 150, valueChars: 1), // over the number of fields
                Flood(fields: 10_000, valueChars: 1000, ends: false), // CONTINUATION without an end
            ];
            byte[] emptyFrames = [.. Enumerable.Repeat(Http2Frames.Frame(Http2FrameType.Continuation, 0, 1, []), EmptyFramesPerFlood).SelectMany(f => f)];
            await using var patient = await Http2Peer.GreetAsync(siege.Server);
            await patient.SendAsync(Http2Frames.Frame(Http2FrameType.Headers, 0, 1, Http2Frames.CallBlock(SealDocuments)));
            var next = 0;
            await siege.RepeatAsync(FloodsPerSecond, async () =>
            {
                await patient.SendAsync(emptyFrames);
                await using var peer = await Http2Peer.GreetAsync(siege.Server);
                await peer.SendAsync(floods[next++ % floods.Length]);
                Assert.Null((await peer.OutcomeAsync(1)).GrpcStatus);
            });
            await patient.EndAsync();
        },
        new() { ["Seal__Limits__RequestHeadersTimeout"] = "00:00:01" });

    [Fact]
    public Task MessagesThatLieAboutTheirLength_HoldNoRoomThatOthersNeed() => Siege.RunAsync(hsm, memoryMibMax: 64, async siege =>
    {
        // Twice what Seal:Limits:UnfinishedMessagesMibMax lets all connections have.
        const int Streams = 128, SentBytes = 100;
        await using var peer = await Http2Peer.GreetAsync(siege.Server);
        for (var stream = 1; stream < 2 * Streams; stream += 2)
        {
            await peer.SendAsync(Http2Frames.Call(stream, SealDocuments));
            await peer.SendAsync(Http2Frames.Data(stream, Http2Frames.Message(new byte[SentBytes], announcedBytes: MessageBytesMax)));
        }

        var beyond = (2 * Streams) + 1;
        await peer.SendAsync(Http2Frames.Call(beyond, SealDocuments));
        await peer.SendAsync(Http2Frames.Data(beyond, Http2Frames.Message(new byte[SentBytes], announcedBytes: uint.MaxValue)));
        Assert.Equal((int)StatusCode.ResourceExhausted, (await peer.OutcomeAsync(beyond)).GrpcStatus);
        await siege.HoldAsync();
        Assert.False(peer.HasOutcome(1));
    });

    [Fact]
    public Task FramesThatLieAboutTheirLength_EndTheirConnection() => Siege.RunAsync(hsm, memoryMibMax: 64, async siege =>
    {
        const int ConnectionsPerSecond = 50;
        var call = Http2Frames.Call(1, SealDocuments);
        (byte[] Lie, Http2Error Error)[] lies =
        [
            ([.. call, .. Http2Frames.Frame(Http2FrameType.Data, 0, 1, new byte[10], announcedBytes: (1 << 24) - 1)], Http2Error.FrameSize),
            ([.. call, .. Http2Frames.Frame(Http2FrameType.Data, 0x8, 1, [200, 1, 2, 3])], Http2Error.Protocol), // padding longer than the frame
            ([.. call, .. Http2Frames.Frame(Http2FrameType.ResetStream, 0, 1, [0, 0])], Http2Error.FrameSize),
            (Http2Frames.Frame(Http2FrameType.Settings, 0, 0, [0, 4, 0]), Http2Error.FrameSize),
        ];
        var next = 0;
        await siege.RepeatAsync(ConnectionsPerSecond, async () =>
        {
            var (lie, error) = lies[next++ % lies.Length];
            await using var peer = await Http2Peer.GreetAsync(siege.Server);
            await peer.SendAsync(lie);
            Assert.Equal(error, await peer.EndAsync());
        });
    });

    [Fact]
    public Task GzipBombs_AreStoppedAtTheMessageLimit() => Siege.RunAsync(hsm, memoryMibMax: 64, async siege =>
    {
        const int BombsPerSecond = 12;
        var honest = Gzip(1 << 28);
        byte[] liar = [.. honest];
        BinaryPrimitives.WriteUInt32LittleEndian(liar.AsSpan(liar.Length - 4), 1000);
        (byte[] Bomb, StatusCode Status)[] bombs =
        [
            (honest, StatusCode.ResourceExhausted),
            (liar, StatusCode.Internal),
            (Gzip(MessageBytesMax), StatusCode.InvalidArgument), // a thousand times its size, within the limit, and no message
        ];
        await using var attacker = new ReconnectingPeer(siege.Server);
        await siege.RepeatAsync(BombsPerSecond / bombs.Length, async () =>
        {
            foreach (var (bomb, status) in bombs)
            {
                var stream = await attacker.SendAsync(1, s =>
                [
                    .. Http2Frames.Call(s, SealDocuments, ("grpc-encoding", "gzip")), .. Http2Frames.DataFrames(s, Http2Frames.Message(bomb, flag: 1), endStream: false),
                ]);
                Assert.Equal((int)status, (await attacker.OutcomeAsync(stream)).GrpcStatus);
            }
        });
    });

    [Fact]
    public Task GarbageAfterAValidBeginning_EndsTheStreamOrTheConnection() => Siege.RunAsync(hsm, memoryMibMax: 64, async siege =>
    {
        const int ConnectionsPerSecond = 50;
        var random = SeededRandom.Create();
        await siege.RepeatAsync(ConnectionsPerSecond, async () =>
        {
            var garbage = new byte[random.Next(20, 2000)];
            random.NextBytes(garbage);
            garbage[0] |= 0x80; // as a frame: over every length that is allowed; as a message: a flag that does not exist
            await using var peer = await Http2Peer.GreetAsync(siege.Server);
            await peer.SendAsync(Http2Frames.Call(1, SealDocuments));
            await peer.SendAsync(Http2Frames.Data(1, [.. ValidMessage, .. garbage]));
            await peer.SendAsync(Http2Frames.Call(3, SealDocuments));
            await peer.SendAsync(Http2Frames.Data(3, [.. ValidMessage, .. Http2Frames.Message([0xFF, .. garbage, 0xFF])]));
            Assert.Equal((int)StatusCode.Internal, (await peer.OutcomeAsync(1)).GrpcStatus);
            Assert.Equal((int)StatusCode.InvalidArgument, (await peer.OutcomeAsync(3)).GrpcStatus);

            await peer.SendAsync(garbage);
            Assert.Equal(Http2Error.FrameSize, await peer.EndAsync());
        });
    });

    /// <summary>The headers of a call with more fields than it needs, in HEADERS and as many CONTINUATION frames as that takes.</summary>
    private static byte[] Flood(int fields, int valueChars, bool ends = true)
    {
        var frames = new List<byte>();
        ReadOnlySpan<byte> rest = Http2Frames.CallBlock(SealDocuments, [.. Enumerable.Range(0, fields).Select(i => ($"x-{i}", new string('x', valueChars)))]);
        for (var type = Http2FrameType.Headers; type == Http2FrameType.Headers || rest.Length > 0; type = Http2FrameType.Continuation)
        {
            var payload = rest[..Math.Min(rest.Length, Http2Frames.PayloadBytesMax)];
            rest = rest[payload.Length..];
            frames.AddRange(Http2Frames.Frame(type, ends && rest.Length == 0 ? Http2Frames.EndHeaders : (byte)0, 1, payload));
        }

        return [.. frames];
    }

    private static byte[] Gzip(int zeros)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize))
        {
            var block = new byte[1 << 20];
            for (var left = zeros; left > 0; left -= block.Length)
            {
                gzip.Write(block);
            }
        }

        return compressed.ToArray();
    }
}

/// <summary>Randomness whose seed is printed; <c>SEAL_TEST_SEED</c> repeats a run.</summary>
internal static class SeededRandom
{
    public static Random Create()
    {
        var seed = Environment.GetEnvironmentVariable("SEAL_TEST_SEED") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"SEAL_TEST_SEED={seed}");
        return new Random(seed);
    }
}
