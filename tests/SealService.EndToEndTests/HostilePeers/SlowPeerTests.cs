using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests.HostilePeers;

/// <summary>Peers that take what a server gives and do nothing with it. What each of them asserts beside its own: <see cref="Siege"/>.</summary>
[Collection(nameof(HostilePeersCollection))]
public sealed class SlowPeerTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private const string SealDocuments = "/seal.v1.Sealing/SealDocuments";
    private const string GetEntries = "/seal.v1.Ledger/GetEntries";

    [Fact]
    public Task SlowReaders_WithoutAWindowForAnswers_AreResetByTheWriteTimeout() => Siege.RunAsync(
        hsm,
        memoryMibMax: 128,
        async siege =>
        {
            const int Connections = 8, StreamsPerConnection = 7, DocumentsPerStream = 900;
            var peers = new List<Http2Peer>();
            var document = Http2Frames.Message(new SealDocumentsRequest { Whole = new WholeDocument { Content = ByteString.CopyFrom(new byte[1024]) } }.ToByteArray());
            byte[] documents = [.. Enumerable.Repeat(document, DocumentsPerStream).SelectMany(d => d)];
            for (var i = 0; i < Connections; i++)
            {
                var peer = await Http2Peer.GreetAsync(siege.Server, streamWindowBytes: 0);
                peers.Add(peer);
                foreach (var stream in Streams(StreamsPerConnection))
                {
                    Assert.True(await peer.SendAsync(Http2Frames.Call(stream, SealDocuments)));
                    Assert.True(await peer.SendAsync(Http2Frames.DataFrames(stream, documents, endStream: false)));
                }
            }

            await siege.HoldAsync();
            foreach (var peer in peers)
            {
                Assert.All(await Task.WhenAll(Streams(StreamsPerConnection).Select(peer.OutcomeAsync)), o => Assert.Equal(Http2Error.Cancel, o.Reset));
                await peer.DisposeAsync();
            }
        },
        new() { ["Seal__Limits__WriteTimeout"] = "00:00:03" });

    [Fact]
    public Task SlowReaders_ThatLeaveTheirSocketFull_AreEndedByTheWriteTimeout() => Siege.RunAsync(
        hsm,
        memoryMibMax: 128, // Seal:Ledgers:0:RecordCacheMib of these are for the records that they read
        async siege =>
        {
            const int Connections = 20, StreamsPerConnection = 10;
            var peers = new List<Http2Peer>();
            for (var i = 0; i < Connections; i++)
            {
                var peer = await Http2Peer.GreetAsync(siege.Server, streamWindowBytes: int.MaxValue, reads: false);
                peers.Add(peer);
                foreach (var stream in Streams(StreamsPerConnection))
                {
                    await peer.SendAsync(Http2Frames.Call(stream, GetEntries));
                    await peer.SendAsync(Http2Frames.Data(stream, Http2Frames.Message([]), Http2Frames.EndStream));
                }
            }

            await siege.HoldAsync();
            await Siege.CallsReachAsync(siege.Server, Siege.ClientCalls); // with all of them still connected
            await Task.WhenAll(peers.Select(p => p.DisposeAsync().AsTask()));
        },
        new() { ["Seal__Limits__WriteTimeout"] = "00:00:03" });

    [Fact]
    public Task SlowWriters_OfAByteASecond_EndByTheIdleTimeoutOfTheirMessage() => Siege.RunAsync(
        hsm,
        memoryMibMax: 64,
        async siege =>
        {
            const int Connections = 4, StreamsPerConnection = 50;
            var peers = new List<Http2Peer>();
            for (var i = 0; i < Connections; i++)
            {
                var peer = await Http2Peer.GreetAsync(siege.Server);
                peers.Add(peer);
                foreach (var stream in Streams(StreamsPerConnection))
                {
                    await peer.SendAsync(Http2Frames.Call(stream, SealDocuments));
                    await peer.SendAsync(Http2Frames.Data(stream, Http2Frames.Message([], announcedBytes: 1000)));
                }
            }

            var next = 0;
            await siege.RepeatAsync(perSecond: Connections * StreamsPerConnection, async () =>
            {
                var (peer, stream) = (peers[next % Connections], (next / Connections % StreamsPerConnection * 2) + 1);
                next++;
                if (!peer.HasOutcome(stream))
                {
                    await peer.SendAsync(Http2Frames.Data(stream, [0]));
                }
            });
            foreach (var peer in peers)
            {
                Assert.All(
                    await Task.WhenAll(Streams(StreamsPerConnection).Select(peer.OutcomeAsync)),
                    o => Assert.Equal((int)StatusCode.DeadlineExceeded, o.GrpcStatus));
                await peer.DisposeAsync();
            }
        },
        new() { ["Seal__Limits__ReadIdleTimeout"] = "00:00:02" });

    [Fact]
    public Task HalfOpenConnections_AreClosedByTheirTimeouts() => Siege.RunAsync(
        hsm,
        memoryMibMax: 64,
        async siege =>
        {
            const int ConnectionsOfEachKind = 50;
            byte[] headersWithoutEnd = Http2Frames.Frame(Http2FrameType.Headers, 0, 1, Http2Frames.CallBlock(SealDocuments));
            byte[][] beginnings =
            [
                [],
                [.. Http2Frames.Preface[..10]],
                [.. Http2Frames.Preface],
                [.. Http2Frames.Greeting(), 0, 0, 100],
                [.. Http2Frames.Greeting(), .. Http2Frames.Frame(Http2FrameType.Headers, 0, 1, [0x83], announcedBytes: 100)],
                [.. Http2Frames.Greeting(), .. headersWithoutEnd],
            ];
            var peers = new List<Http2Peer>();
            foreach (var beginning in Enumerable.Repeat(beginnings, ConnectionsOfEachKind).SelectMany(b => b))
            {
                var peer = await Http2Peer.ConnectAsync(siege.Server);
                peers.Add(peer);
                await peer.SendAsync(beginning);
            }

            await siege.HoldAsync();
            await Task.WhenAll(peers.Select(p => p.EndAsync()));
            await Task.WhenAll(peers.Select(p => p.DisposeAsync().AsTask()));
        },
        new() { ["Seal__Limits__ConnectionIdleTimeout"] = "00:00:02", ["Seal__Limits__RequestHeadersTimeout"] = "00:00:02" });

    [Fact]
    public Task TenThousandIdleStreams_FillTheCallsAndNothingElse() => Siege.RunAsync(
        hsm,
        memoryMibMax: 512,
        async siege =>
        {
            const int Connections = 100, StreamsPerConnection = 100, CallsMax = 10_000;
            var peers = new List<Http2Peer>();
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(15));
            while (peers.Count < Connections && await pace.WaitForNextTickAsync())
            {
                var peer = await Http2Peer.GreetAsync(siege.Server);
                peers.Add(peer);
                await peer.SendAsync(Streams(StreamsPerConnection).SelectMany(s => Http2Frames.Call(s, SealDocuments)).ToArray());
            }

            await Siege.CallsReachAsync(siege.Server, CallsMax);
            await siege.HoldAsync();

            // The client's own call left room for one less; who comes now is told so, and when to come again.
            var refused = from peer in peers from stream in Streams(StreamsPerConnection) where peer.HasOutcome(stream) select peer.OutcomeAsync(stream);
            Assert.Equal((int)StatusCode.ResourceExhausted, Assert.Single(await Task.WhenAll(refused)).GrpcStatus);
            using (var channel = GrpcChannel.ForAddress(siege.Server.Url))
            {
                var tooMany = await Assert.ThrowsAsync<RpcException>(
                    async () => await new Seal.V1.Ledger.LedgerClient(channel).GetCheckpointAsync(new GetCheckpointRequest(), cancellationToken: TestContext.Current.CancellationToken));
                Assert.Equal(StatusCode.ResourceExhausted, tooMany.StatusCode);
                Assert.Contains("Seal:Limits:CallsMax", tooMany.Status.Detail, StringComparison.Ordinal);
                Assert.True(tooMany.GetRetryDelay() > TimeSpan.Zero);
            }

            await Task.WhenAll(peers.Select(p => p.DisposeAsync().AsTask()));
        });

    /// <summary>The first streams that a client opens: 1, 3, 5 …</summary>
    private static IEnumerable<int> Streams(int count) => Enumerable.Range(0, count).Select(i => (2 * i) + 1);
}

/// <summary>These tests measure, so nothing else runs beside them.</summary>
[CollectionDefinition(nameof(HostilePeersCollection), DisableParallelization = true)]
public sealed class HostilePeersCollection;
