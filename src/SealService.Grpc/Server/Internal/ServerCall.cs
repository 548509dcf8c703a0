using System.Globalization;
using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Grpc.Server.Internal;

/// <summary>
/// One call, from the request's headers to the status:
/// <code>
/// 0 admit       too many calls, or a server that is stopping: straight to 3
/// 1 prepare     limits of the transport, encoding, deadline
/// 2 handle      the handler reads requests and writes responses
/// 3 end         one place decides status, log level and trailers; the deadline or the stall watch may have been first
/// 4 finish      what the client still sends is drained; timers and buffers are given back; metrics
/// </code>
/// The HTTP context stays alive until the handler has returned, also when the call ended before.
/// </summary>
internal sealed class ServerCall : ServerCallContext, IAsyncDisposable
{
    public const long NotWaiting = 0;

    private readonly MethodHandler _handler;
    private readonly CancellationToken _requestAborted;
    private readonly long? _startedAt;

    // Set by the handler's threads, the first that waits.
    private bool _isWatched;

    // Owned by the handler's thread.
    private DeadlineTimer? _deadlineTimer;
    private Metadata? _requestHeaders;
    private Metadata? _responseTrailers;
    private Dictionary<object, object>? _userState;

    // Set once, by the first who asks for the token; cancelled by who terminates the call.
    private CancellationTokenSource? _cancellation;

    // Set by whoever reads or writes when the transport fails.
    private volatile bool _clientHasGone;

    // Written by the handler's threads, read by the stall watch.
    private long _readWaitSince;
    private long _writeWaitSince;

    public ServerCall(HttpContext http, MethodHandler handler, ServerRuntime runtime)
    {
        Http = http;
        _handler = handler;
        Runtime = runtime;
        _requestAborted = http.RequestAborted;
        _startedAt = ServerMetrics.MeasuresDuration ? runtime.Time.GetTimestamp() : null;
        Response = new ServerResponse(this);
        Requests = new ServerMessageReader(
            this,
            http.Request.BodyReader,
            runtime.ReceiveLimits,
            acceptsCompressed: http.Request.Headers.GrpcEncoding.ToString() == MessageCompression.Gzip);
    }

    public HttpContext Http { get; }

    public ServerRuntime Runtime { get; }

    public ServerResponse Response { get; }

    public ServerMessageReader Requests { get; }

    /// <summary>The name for logs and metrics: of a method that is served, or <c>unknown</c>.</summary>
    public string MethodName => _handler.Method.FullName;

    /// <summary>The call's place in the stall watch, which owns it.</summary>
    public int WatchIndex { get; set; }

    /// <summary>Since when a read waits for a message, as a timestamp, or <see cref="NotWaiting"/>.</summary>
    public long ReadWaitSince => Volatile.Read(ref _readWaitSince);

    /// <summary>The same for a write.</summary>
    public long WriteWaitSince => Volatile.Read(ref _writeWaitSince);

    /// <summary>The client is not there any more, or the call was ended from outside the handler.</summary>
    public bool IsAborted => _clientHasGone || _requestAborted.IsCancellationRequested || Response.Termination is not null;

    private bool ClientMayStillSend => !Requests.PeerHasEnded && !_clientHasGone && !_requestAborted.IsCancellationRequested;

    protected override string MethodCore => Http.Request.Path.Value ?? "";

    protected override string HostCore => Http.Request.Host.Value ?? "";

    protected override string PeerCore => PeerIdentity.Format(Http.Connection.RemoteIpAddress, Http.Connection.RemotePort);

    protected override DateTime DeadlineCore => _deadlineTimer?.Deadline.UtcDateTime ?? DateTime.MaxValue;

    protected override Metadata RequestHeadersCore => _requestHeaders ??= MetadataCodec.Read(Http.Request.Headers);

    protected override CancellationToken CancellationTokenCore => (Volatile.Read(ref _cancellation) ?? CreateCancellation()).Token;

    protected override Metadata ResponseTrailersCore => _responseTrailers ??= [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => PeerIdentity.Authenticate(Http.Connection.ClientCertificate);

    protected override IDictionary<object, object> UserStateCore => _userState ??= [];

    public async Task RunAsync()
    {
        ServerMetrics.Started(MethodName);
        var refusal = Runtime.Admission.TryEnter(_handler.Method);
        Exception? failure = refusal;
        try
        {
            if (refusal is null)
            {
                try
                {
                    Prepare();
                    await _handler.InvokeAsync(this);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            }

            await Response.FinishSendingAsync();
            End(failure);
            await DisposeAsync();
        }
        finally
        {
            if (refusal is null)
            {
                Runtime.Admission.Leave();
            }
        }

        ServerMetrics.Ended(MethodName, Response.EndedWith, _startedAt is { } begin ? Runtime.Time.GetElapsedTime(begin) : null);
    }

    /// <param name="waitedTicks">How long the same message was waited for before; it counts.</param>
    public void ReadWaitBegins(long waitedTicks)
    {
        Watch();
        Volatile.Write(ref _readWaitSince, Runtime.Time.GetTimestamp() - waitedTicks);
    }

    /// <summary>Gives how long was waited, with what was waited before.</summary>
    public long ReadWaitEnds() => Runtime.Time.GetTimestamp() - Interlocked.Exchange(ref _readWaitSince, NotWaiting);

    public void WriteWaitBegins()
    {
        Watch();
        Volatile.Write(ref _writeWaitSince, Runtime.Time.GetTimestamp());
    }

    public void WriteWaitEnds() => Volatile.Write(ref _writeWaitSince, NotWaiting);

    /// <summary>The transport said that the client reset the stream or lost the connection.</summary>
    public void ClientHasGone() => _clientHasGone = true;

    /// <summary>What a read or a write throws after the call was aborted.</summary>
    public OperationCanceledException CreateCancelledException(Exception? cause) =>
        new("The call was cancelled, or its deadline has passed.", cause, Volatile.Read(ref _cancellation)?.Token ?? _requestAborted);

    /// <summary>Ends the call because its client sends no whole message, or does not read. Called by the stall watch.</summary>
    public void EndStalled(bool writing)
    {
        var options = Runtime.Options;
        var (timeout, name) = writing
            ? (options.WriteTimeout, nameof(options.WriteTimeout))
            : (options.IdleReadTimeout, nameof(options.IdleReadTimeout));
        var what = writing ? "The client did not read for" : "The client sent no complete message for";
        var text = string.Create(CultureInfo.InvariantCulture, $"{what} {timeout.TotalSeconds} s ({options.LimitName(name)}).");
        if (!TryTerminate(new Status(StatusCode.DeadlineExceeded, text)))
        {
            return;
        }

        if (writing)
        {
            ServerLog.WriteStalled(Runtime.Logger, MethodName, timeout);
        }
        else
        {
            ServerLog.ReadStalled(Runtime.Logger, MethodName, timeout);
        }
    }

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Response.SendHeadersAsync(responseHeaders).AsTask();

    /// <summary>Step 1.</summary>
    /// <exception cref="RpcException">UNIMPLEMENTED: the requests' encoding is not known.</exception>
    private void Prepare()
    {
        // By type: Get<TFeature> is a generic virtual method, and those are slow to call.
        var features = Http.Features;
        if (features[typeof(IHttpMinRequestBodyDataRateFeature)] is IHttpMinRequestBodyDataRateFeature rate)
        {
            // Kestrel would end the whole connection for one idle stream. IdleReadTimeout takes its place.
            rate.MinDataRate = null;
        }

        if (features[typeof(IHttpMaxRequestBodySizeFeature)] is IHttpMaxRequestBodySizeFeature { IsReadOnly: false } size)
        {
            // A stream has no size limit; a message has.
            size.MaxRequestBodySize = null;
        }

        if (Runtime.Options.CompressResponses)
        {
            Response.ChooseCompression(compress: true);
        }

        var headers = Http.Request.Headers;
        var encoding = headers.GrpcEncoding.ToString();
        if (encoding is not ("" or MessageCompression.Identity or MessageCompression.Gzip))
        {
            Http.Response.Headers.GrpcAcceptEncoding = MessageCompression.AcceptEncoding;
            throw new RpcException(new Status(StatusCode.Unimplemented, $"The message encoding '{encoding}' is not supported."));
        }

        if (GrpcTimeout.TryParse(headers.GrpcTimeout.ToString(), out var timeout))
        {
            ArmDeadline(timeout < Runtime.Options.MaxDeadline ? timeout : Runtime.Options.MaxDeadline);
        }
    }

    private void ArmDeadline(TimeSpan timeout)
    {
        _deadlineTimer = new DeadlineTimer(Runtime.Time, Runtime.Time.GetUtcNow() + timeout, DeadlineHasPassed);
    }

    private void DeadlineHasPassed()
    {
        if (TryTerminate(new Status(StatusCode.DeadlineExceeded, "The deadline has passed.")))
        {
            ServerLog.DeadlinePassed(Runtime.Logger, MethodName);
        }
    }

    /// <summary>Ends the call from another thread than the handler's. False when it has ended before.</summary>
    private bool TryTerminate(Status status)
    {
        var termination = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!Response.TryTerminate(status, termination.Task, out var responseEnds))
        {
            return false;
        }

        _ = CancelHandlerAsync(responseEnds, termination);
        return true;
    }

    private async Task CancelHandlerAsync(Task responseEnds, TaskCompletionSource termination)
    {
        try
        {
            Requests.CancelPendingRead();
            await responseEnds;
            // With a full fence: whoever creates it later sees the termination.
            if (Interlocked.CompareExchange(ref _cancellation, null, null) is { } cancellation)
            {
                await cancellation.CancelAsync();
            }
        }
        catch (Exception e)
        {
            ServerLog.TerminationFailed(Runtime.Logger, MethodName, e);
        }
        finally
        {
            termination.SetResult();
        }
    }

    private CancellationTokenSource CreateCancellation()
    {
        var created = CancellationTokenSource.CreateLinkedTokenSource(_requestAborted);
        if (Interlocked.CompareExchange(ref _cancellation, created, null) is { } first)
        {
            created.Dispose();
            return first;
        }

        if (Response.Termination is not null)
        {
            created.Cancel();
        }

        return created;
    }

    /// <summary>Step 3, for every call: what the handler's outcome means.</summary>
    private void End(Exception? failure)
    {
        var (status, trailers) = failure switch
        {
            null => (StatusCore, _responseTrailers ?? Metadata.Empty),
            RpcException { StatusCode: not StatusCode.OK } rpc => (rpc.Status, Metadata.Join(_responseTrailers, rpc.Trailers)),
            // Nothing of the exception goes to the client.
            _ => (new Status(StatusCode.Unknown, "The handler failed."), _responseTrailers ?? Metadata.Empty),
        };
        var clientHasGone = _clientHasGone || _requestAborted.IsCancellationRequested;
        if (clientHasGone)
        {
            status = Status.DefaultCancelled;
        }

        if (!Response.TryEnd(status, trailers))
        {
            // The deadline or the stall watch was first, and has logged it.
            return;
        }

        if (clientHasGone)
        {
            ServerLog.ClientGone(Runtime.Logger, MethodName);
        }
        else if (failure is not (null or RpcException { StatusCode: not StatusCode.OK }))
        {
            ServerLog.HandlerFailed(Runtime.Logger, MethodName, failure);
        }
        else if (status.StatusCode != StatusCode.OK)
        {
            ServerLog.EndedWithStatus(Runtime.Logger, MethodName, status.StatusCode, status.Detail);
        }
    }

    /// <summary>Step 4.</summary>
    public ValueTask DisposeAsync()
    {
        _deadlineTimer?.Dispose();
        if (Response.Termination is null && !ClientMayStillSend)
        {
            Release();
            return ValueTask.CompletedTask;
        }

        Requests.Close();
        return DisposeAsyncCore();
    }

    private async ValueTask DisposeAsyncCore()
    {
        await (Response.Termination ?? Task.CompletedTask);
        if (ClientMayStillSend)
        {
            await DrainAsync();
        }

        Release();
    }

    private void Release()
    {
        if (_isWatched)
        {
            Runtime.StallWatch.Remove(this);
        }

        Requests.RecordCounts();
        Requests.Dispose();
        Response.Dispose();
        _cancellation?.Dispose();
    }

    /// <summary>
    /// Sends the status, then reads and drops what the client still sends, for a while. Kestrel resets what is left of the stream (NO_ERROR,
    /// RFC 9113 section 8.1): a reset that comes together with the status makes several clients lose the status.
    /// </summary>
    private async Task DrainAsync()
    {
        using var drain = new CancellationTokenSource(Runtime.Options.EarlyEndDrainTimeout, Runtime.Time);
        try
        {
            await Http.Response.CompleteAsync().WaitAsync(drain.Token);
            await Requests.DiscardAsync(drain.Token);
        }
        catch (OperationCanceledException)
        {
            // The time is over, or the client has gone.
        }
    }

    private void Watch()
    {
        // A duplex handler may begin to read and to write at the same time.
        if (!Volatile.Read(ref _isWatched) && !Interlocked.Exchange(ref _isWatched, true))
        {
            Runtime.StallWatch.Add(this);
        }
    }
}
