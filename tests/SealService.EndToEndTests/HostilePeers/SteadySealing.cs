using System.Diagnostics;
using Google.Protobuf;
using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;
using BulkStream = Grpc.Core.AsyncDuplexStreamingCall<Seal.V1.SealDocumentsRequest, Seal.V1.SealDocumentsResponse>;

namespace SealService.EndToEndTests.HostilePeers;

/// <summary>
/// A well-behaved client: one bulk stream that seals at a steady rate, a part of what this machine can do. Its schedule does not wait for the
/// server, and what it missed it does not make up for, so that a server that was held up shows as documents that were not sealed.
/// </summary>
internal sealed class SteadySealing : IAsyncDisposable
{
    /// <summary>The attacker needs some of the machine too, though a real one would bring his own.</summary>
    private const double PartOfCapacity = 0.25;

    private const int UnansweredMax = 4096;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan ProbeDuration = TimeSpan.FromSeconds(1);

    private readonly GrpcChannel _channel;
    private readonly BulkStream _call;
    private readonly ClientStreamWriter<SealDocumentsRequest> _requests;
    private readonly CancellationTokenSource _end = new();
    private readonly SealDocumentsRequest _small = Whole(1024);

    // Over 64 KiB: these need what all connections share (Seal:Limits:UnfinishedMessagesMibMax).
    private readonly SealDocumentsRequest _large = Whole(128 * 1024);
    private readonly Task _reading;
    private Task _sending = Task.CompletedTask;
    private long _sent; // owned by the sending loop
    private long _sealed; // written by the reading loop

    private SteadySealing(RealServer server)
    {
        _channel = GrpcChannel.ForAddress(server.Url);
        _call = new Sealing.SealingClient(_channel).SealDocuments(cancellationToken: TestContext.Current.CancellationToken);
        _requests = (ClientStreamWriter<SealDocumentsRequest>)_call.RequestStream;
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>Finds out what the machine can do, and begins to seal.</summary>
    public static async Task<SteadySealing> StartAsync(RealServer server)
    {
        var sealing = new SteadySealing(server);
        var capacity = await sealing.ProbeAsync();
        var perTick = Math.Max(1, (int)(capacity * PartOfCapacity * Tick.TotalSeconds));
        sealing._sending = Task.Run(() => sealing.SendSteadilyAsync(perTick));
        return sealing;
    }

    /// <summary>Documents sealed a second, from now until <paramref name="until"/> completes.</summary>
    public async Task<double> MeasureAsync(Task until)
    {
        var (began, before) = (Stopwatch.GetTimestamp(), Volatile.Read(ref _sealed));
        await until;
        return (Volatile.Read(ref _sealed) - before) / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    /// <summary>Ends the stream; every document must have been sealed, and the call end well.</summary>
    public async Task FinishAsync()
    {
        await _end.CancelAsync();
        await _sending;
        await _requests.CompleteAsync();
        await _reading;
        Assert.Equal(_sent, _sealed);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _call.Dispose();
        await Task.WhenAll(_sending, _reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _channel.Dispose();
        _end.Dispose();
    }

    private static SealDocumentsRequest Whole(int bytes) => new() { Whole = new WholeDocument { Content = ByteString.CopyFrom(new byte[bytes]) } };

    /// <summary>Seals as fast as it goes; documents a second over the second half, when the server's code is warm.</summary>
    private async Task<double> ProbeAsync()
    {
        var began = Stopwatch.GetTimestamp();
        var (half, halfAt) = (0L, 0L);
        while (Stopwatch.GetElapsedTime(began) < ProbeDuration)
        {
            if (half == 0 && Stopwatch.GetElapsedTime(began) > ProbeDuration / 2)
            {
                (half, halfAt) = (Volatile.Read(ref _sealed), Stopwatch.GetTimestamp());
            }

            await SendAsync(256);
        }

        return (Volatile.Read(ref _sealed) - half) / Stopwatch.GetElapsedTime(halfAt).TotalSeconds;
    }

    private async Task SendSteadilyAsync(int perTick)
    {
        using var timer = new PeriodicTimer(Tick);
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token))
            {
                await SendAsync(perTick);
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // The end.
        }
    }

    /// <summary>Sends documents, one of them large, as far as the limit of unanswered ones allows.</summary>
    private async Task SendAsync(int count)
    {
        var room = UnansweredMax - (int)(_sent - Volatile.Read(ref _sealed));
        for (var i = 0; i < Math.Min(count, room); i++)
        {
            var document = i == 0 ? _large : _small;
            document.Ref = (ulong)_sent++;
            _requests.Write(document);
        }

        await _requests.FlushAsync(CancellationToken.None);
        if (room < count)
        {
            await Task.Yield();
        }
    }

    private async Task ReadAsync()
    {
        while (await _call.ResponseStream.MoveNext(CancellationToken.None))
        {
            var answer = _call.ResponseStream.Current;
            Assert.True(answer.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Compact, answer.ToString());
            Volatile.Write(ref _sealed, _sealed + answer.Compact.Refs.Count);
        }
    }
}
