using System.Globalization;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client.Internal;

/// <summary>A unary call that is sent again after UNAVAILABLE, because its caller said that this does no harm.</summary>
internal sealed class RetriedCall<TRequest, TResponse>(
    HttpCallInvoker invoker,
    GrpcChannel channel,
    Method<TRequest, TResponse> method,
    string? host,
    CallOptions options,
    TRequest request) : ClientCall
{
    private readonly CancellationTokenSource _disposed = new();
    private readonly TaskCompletionSource<Metadata> _headers = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Replaced by the running task with each attempt.
    private volatile HttpCall? _attempt;

    public override Task<Metadata> ResponseHeadersAsync => _headers.Task;

    public override Status GetStatus() => Attempt.GetStatus();

    public override Metadata GetTrailers() => Attempt.GetTrailers();

    private HttpCall Attempt => _attempt ?? throw new InvalidOperationException("The call has not begun.");

    public async Task<TResponse> RunAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            var call = invoker.StartWithRequest(method, host, OptionsOf(attempt), request);
            _attempt = call;
            if (_disposed.IsCancellationRequested)
            {
                call.Dispose();
            }

            TimeSpan pause;
            try
            {
                var response = await HttpCallInvoker.ReadSingleAsync(call, method.ResponseMarshaller);
                _headers.TrySetResult(await call.ResponseHeadersAsync);
                return response;
            }
            catch (RpcException e)
            {
                if (PauseAfter(e, attempt) is not { } next)
                {
                    EndHeaders(call, e);
                    throw;
                }

                pause = next;
            }

            await PauseAsync(call, pause);
        }
    }

    public override void Dispose()
    {
        _disposed.Cancel();
        _attempt?.Dispose();
    }

    /// <summary>Null: not to be tried again.</summary>
    private TimeSpan? PauseAfter(RpcException failure, int attempt)
    {
        var retry = channel.Options.Retry;
        if (failure.StatusCode != StatusCode.Unavailable || attempt >= retry.AttemptsMax || _disposed.IsCancellationRequested)
        {
            return null;
        }

        var bound = TimeSpan.FromTicks((long)Math.Min(retry.FirstPause.Ticks * Math.Pow(2, attempt - 1), retry.LongestPause.Ticks));
        // The whole range is random: clients that failed together do not come back together.
        var pause = bound * Random.Shared.NextDouble();
        if (failure.Trailers.GetValue(GrpcHeaders.RetryPushback) is { } pushback)
        {
            // Negative or unreadable: the server asks not to be tried again.
            if (!uint.TryParse(pushback, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds))
            {
                return null;
            }

            pause = TimeSpan.FromMilliseconds(milliseconds);
        }
        else if (failure.GetRetryDelay() is { } delay)
        {
            pause += delay;
        }

        pause = pause < retry.LongestPause ? pause : retry.LongestPause;
        var isTooLate = options.UtcDeadline is { } deadline && channel.Options.Time.GetUtcNow() + pause >= deadline;
        return isTooLate ? null : pause;
    }

    private async Task PauseAsync(HttpCall call, TimeSpan pause)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(_disposed.Token, options.CancellationToken);
        try
        {
            await Task.Delay(pause, channel.Options.Time, cancellation.Token);
        }
        catch (OperationCanceledException e)
        {
            var cancelled = new RpcException(new Status(StatusCode.Cancelled, "The call was cancelled.", e));
            EndHeaders(call, cancelled);
            throw cancelled;
        }
    }

    private void EndHeaders(HttpCall call, RpcException failure)
    {
        if (call.ResponseHeadersAsync is { IsCompletedSuccessfully: true } headers)
        {
            _headers.TrySetResult(headers.Result);
        }
        else if (_headers.TrySetException(failure))
        {
            // Seen: the same exception is where the response is awaited.
            _ = _headers.Task.Exception;
        }
    }

    private CallOptions OptionsOf(int attempt)
    {
        if (attempt == 1)
        {
            return options;
        }

        var metadata = new Metadata();
        foreach (var entry in options.Headers ?? Metadata.Empty)
        {
            metadata.Add(entry);
        }

        metadata.Add(GrpcHeaders.PreviousAttempts, (attempt - 1).ToString(CultureInfo.InvariantCulture));
        return options.WithHeaders(metadata);
    }
}
