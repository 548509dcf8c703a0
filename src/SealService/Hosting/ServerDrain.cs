using System.Buffers;
using System.Runtime.InteropServices;
using Grpc.Core;
using Grpc.Server;
using SealService.Configuration;

namespace SealService.Hosting;

/// <summary>
/// How the server stops on SIGTERM, SIGINT or SIGQUIT:
/// <code>
/// 1  health says NOT_SERVING: nobody sends new work
/// 2  long calls take nothing new, finish what they accepted, and end with UNAVAILABLE
/// 3  when no call is left, or after the drain time-out: the web server stops (GOAWAY), then ledgers and HSM are closed
/// </code>
/// Step 3 is not first because a connection that is closed under a client that still uploads costs it the answers it has not read yet.
/// </summary>
internal sealed class ServerDrain(IHostApplicationLifetime application, ServerHealth health, SealOptions options, ILogger<ServerDrain> logger)
    : IHostLifetime, IDisposable
{
    private readonly CancellationTokenSource _draining = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PosixSignalRegistration> _signals = []; // written at start and end only
    private int _calls; // interlocked
    private int _begun; // interlocked

    /// <summary>Cancelled in step 2.</summary>
    public CancellationToken Token => _draining.Token;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT })
        {
            _signals.Add(PosixSignalRegistration.Create(signal, received =>
            {
                received.Cancel = true; // the runtime would end the process
                _ = BeginAsync();
            }));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Runs one call, so that the drain knows of it. One that comes after the drain has begun is refused, and not waited for: clients that
    /// come back again and again would keep the server until the drain time-out.
    /// </summary>
    public async Task RunCallAsync(Func<HttpContext, Task> call, HttpContext http)
    {
        if (Token.IsCancellationRequested)
        {
            await call(http);
            return;
        }

        Interlocked.Increment(ref _calls);
        try
        {
            await call(http);
        }
        finally
        {
            if (Interlocked.Decrement(ref _calls) == 0 && Token.IsCancellationRequested)
            {
                _idle.TrySetResult();
            }
        }
    }

    /// <summary>Reads a client's stream to its end; when the server is stopping before that, the call ends with UNAVAILABLE.</summary>
    /// <param name="requests">The stream.</param>
    /// <param name="consequence">What that means for the caller: a sentence.</param>
    /// <param name="handle">Takes each message, in the transport's buffers.</param>
    /// <param name="cancellationToken">The client has gone.</param>
    public async Task ReadToEndAsync(
        ServerStreamReader<ReadOnlySequence<byte>> requests, string consequence, Action<ReadOnlySequence<byte>> handle, CancellationToken cancellationToken)
    {
        using var until = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Token);
        try
        {
            while (await requests.WaitToReadAsync(until.Token))
            {
                while (requests.TryRead(out var message))
                {
                    Token.ThrowIfCancellationRequested();
                    handle(message);
                }
            }
        }
        catch (OperationCanceledException) when (Token.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The server is stopping. " + consequence));
        }
    }

    public void Dispose()
    {
        _signals.ForEach(static s => s.Dispose());
        _draining.Dispose();
    }

    private async Task BeginAsync()
    {
        if (Interlocked.Exchange(ref _begun, 1) != 0)
        {
            return;
        }

        ServerLog.Draining(logger, Volatile.Read(ref _calls));
        health.StopServing();
        await _draining.CancelAsync();
        if (Volatile.Read(ref _calls) == 0)
        {
            _idle.TrySetResult();
        }

        if (await Task.WhenAny(_idle.Task, Task.Delay(options.Limits.DrainTimeout)) != _idle.Task)
        {
            ServerLog.DrainTimedOut(logger, Volatile.Read(ref _calls), options.Limits.DrainTimeout);
        }

        application.StopApplication();
    }
}
