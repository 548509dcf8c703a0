using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;
using SealService.EndToEndTests.HostilePeers;

namespace SealService.EndToEndTests;

/// <summary>SIGTERM while many clients upload: what was accepted is answered, what was not is claimed by nobody, and the server is gone in time.</summary>
public sealed class DrainTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private const int ConnectionCount = 5;
    private const int StreamsPerConnection = 4;
    private const int DocumentsPerStream = 1_000_000; // more than there is time for
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(5);

    // The web server and the HSM are closed after the drain.
    private static readonly TimeSpan ExitTimeout = DrainTimeout + TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<int, Receipt> _acknowledged = new();

    [Fact]
    public async Task Sigterm_WithTwentyBulkStreams_AcknowledgesWhatIsAcceptedAndClaimsNothingElse()
    {
        await using var server = new RealServer(hsm, settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Seal__Limits__DrainTimeout"] = DrainTimeout.ToString("c"),
        });
        await server.StartAsync();
        var channels = Enumerable.Range(0, ConnectionCount).Select(_ => GrpcChannel.ForAddress(server.Url)).ToList();
        var streams = channels.SelectMany(c => Enumerable.Repeat(c, StreamsPerConnection)).Select((c, i) => new Upload(c, firstDocument: i * DocumentsPerStream, _acknowledged)).ToList();

        // Each stream is in flight: some of its documents are acknowledged, and more are on their way.
        await Task.WhenAll(streams.Select(s => s.FirstAnswer)).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        var stopping = Stopwatch.GetTimestamp();
        Assert.Equal(0, await server.StopAsync());
        Assert.InRange(Stopwatch.GetElapsedTime(stopping), TimeSpan.Zero, ExitTimeout);
        Assert.DoesNotContain("did not end within", server.Log, StringComparison.Ordinal);
        foreach (var stream in streams)
        {
            Assert.Equal(StatusCode.Unavailable, await stream.EndAsync());
        }

        await server.StartAsync();
        var verifier = await ServerKeys.CreateVerifierAsync(server);
        var entries = await LedgerEntries.ReadAllAsync(server);
        foreach (var (number, receipt) in _acknowledged)
        {
            verifier.AssertValid(receipt, TestDocuments.Make(number));
            Assert.Equal(entries[(int)receipt.Index], receipt.Entry);
        }

        // Every document that was accepted was acknowledged: nothing is in the ledger that no one was told of.
        Assert.Equal(_acknowledged.Count, _acknowledged.Values.Select(r => r.Index).Distinct().Count());
        Assert.Equal(_acknowledged.Count, entries.Count);
        channels.ForEach(c => c.Dispose());
    }

    [Fact]
    public async Task Sigterm_WithAClientThatComesBackAgainAndAgain_DoesNotWaitForIt()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        await using var peer = await Http2Peer.GreetAsync(server);
        await peer.SendAsync(Http2Frames.Call(1, "/seal.v1.Sealing/SealDocuments"));
        await peer.SendAsync(Http2Frames.Data(1, Http2Frames.Message(TestDocuments.Whole(1).ToByteArray())));
        await Siege.CallsReachAsync(server, 1);

        var stopping = server.StopAsync();
        var refused = new List<int>();
        for (var stream = 3; !peer.HasEnded; stream += 2)
        {
            // A client in a hurry, with some ten calls at a time that it has not given up yet.
            refused.Add(stream);
            await peer.SendAsync(Http2Frames.Call(stream, "/seal.v1.Sealing/SealDocuments"));
            if (refused.Count > 10)
            {
                await peer.SendAsync(Http2Frames.Reset(refused[^10], Http2Error.Cancel));
            }

            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, await stopping);
        Assert.Contains((int)StatusCode.Unavailable, (await Task.WhenAll(refused.Select(peer.OutcomeAsync))).Select(o => o.GrpcStatus ?? -1));
        Assert.DoesNotContain("did not end within", server.Log, StringComparison.Ordinal);
    }

    /// <summary>One bulk stream that sends until it is ended.</summary>
    private sealed class Upload
    {
        private readonly ConcurrentDictionary<int, Receipt> _receipts;
        private readonly AsyncDuplexStreamingCall<SealDocumentsRequest, SealDocumentsResponse> _call;
        private readonly TaskCompletionSource _firstAnswer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Task _sending;
        private readonly Task<StatusCode> _reading;

        public Upload(GrpcChannel channel, int firstDocument, ConcurrentDictionary<int, Receipt> receipts)
        {
            _receipts = receipts;
            _call = new Sealing.SealingClient(channel).SealDocuments(cancellationToken: TestContext.Current.CancellationToken);
            _reading = Task.Run(ReadAsync);
            _sending = Task.Run(() => SendAsync(firstDocument));
        }

        public Task FirstAnswer => _firstAnswer.Task;

        /// <summary>How the call ended for the client.</summary>
        public async Task<StatusCode> EndAsync()
        {
            await _sending;
            var status = await _reading;
            _call.Dispose();
            return status;
        }

        private async Task SendAsync(int firstDocument)
        {
            try
            {
                await _call.RequestStream.WriteAsync(new SealDocumentsRequest { Options = new StreamOptions { ReceiptForm = ReceiptForm.Full } });
                for (var i = 0; i < DocumentsPerStream; i++)
                {
                    await _call.RequestStream.WriteAsync(TestDocuments.Whole(firstDocument + i, withKey: false));
                }
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException)
            {
                // The answers' side says how the call ended.
            }
        }

        private async Task<StatusCode> ReadAsync()
        {
            try
            {
                while (await _call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    Accept(_call.ResponseStream.Current);
                }

                return StatusCode.OK;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }

        private void Accept(SealDocumentsResponse answer)
        {
            if (answer.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Failed)
            {
                Assert.Equal((int)StatusCode.Unavailable, answer.Failed.Code);
                return;
            }

            Assert.True(_receipts.TryAdd((int)answer.Sealed.Ref, answer.Sealed.Receipt), $"Document {answer.Sealed.Ref} was answered twice.");
            _firstAnswer.TrySetResult();
        }
    }
}
