using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client.Internal;

/// <summary>
/// One call over HTTP/2, from its request's headers to its status. It ends once, by what comes first: the server's trailers, a failure of
/// the transport, the deadline, or its caller; <see cref="TryEnd"/> decides, and then nothing of the call is left running.
/// </summary>
internal sealed class HttpCall : ClientCall
{
    // One read takes what the connection has buffered for the stream, up to so much. A single response is small as a rule.
    private const int StreamReadBytes = 64 * 1024;
    private const int SingleReadBytes = 4 * 1024;

    private readonly GrpcChannel _channel;
    private readonly IMethod _method;
    private readonly string? _host;
    private readonly CallOptions _options;
    private readonly DateTimeOffset? _deadline;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly TaskCompletionSource<Metadata> _headers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();

    // Set before the call starts.
    private CancellationTokenRegistration _callerCancels;
    private DeadlineTimer? _deadlineTimer;
    private Task<ResponseReader?> _responses = Task.FromResult<ResponseReader?>(null);

    // Set once by the sending task and by the pump; read by any thread.
    private volatile ResponseReader? _reader;
    private volatile Exception? _requestsFailure;

    // Each is written once, under _gate; read by any thread.
    private volatile HttpResponseMessage? _response;
    private volatile CallEnd? _end;

    // Made by who waits for the end; guarded by _gate.
    private TaskCompletionSource? _ended;

    public HttpCall(GrpcChannel channel, IMethod method, string? host, CallOptions options)
    {
        _channel = channel;
        _method = method;
        _host = host;
        _options = options;
        _deadline = options.UtcDeadline;
        Requests = new RequestStream(
            this,
            channel.Options,
            isStream: method.Type is MethodType.ClientStreaming or MethodType.DuplexStreaming,
            compresses: options.Headers?.GetValue(GrpcHeaders.RequestEncodingOption) == MessageCompression.Gzip);
    }

    public RequestStream Requests { get; }

    /// <summary>The responses, once their headers are here; null before, and when there are none.</summary>
    public ResponseReader? Responses => _reader;

    public bool HasEnded => _end is not null;

    public override Task<Metadata> ResponseHeadersAsync => _headers.Task;

    public override Status GetStatus() => _end?.Status ?? throw new InvalidOperationException("The call has not ended.");

    public override Metadata GetTrailers() => _end?.Trailers ?? throw new InvalidOperationException("The call has not ended.");

    /// <summary>Sends the request. Every failure becomes the call's status.</summary>
    public void Start()
    {
        var time = _channel.Options.Time;
        if (_deadline is { } deadline)
        {
            if (deadline <= time.GetUtcNow())
            {
                TryEnd(new Status(StatusCode.DeadlineExceeded, "The deadline had passed before the call began."), Metadata.Empty);
                return;
            }

            _deadlineTimer = new DeadlineTimer(time, deadline, () => TryEnd(DeadlinePassed(), Metadata.Empty));
        }

        _callerCancels = _options.CancellationToken.UnsafeRegister(
            static call => ((HttpCall)call!).TryEnd(new Status(StatusCode.Cancelled, "The caller cancelled the call."), Metadata.Empty),
            this);
        _responses = SendAsync();
    }

    /// <summary>Waits for the response's headers; null when there are no responses to read, only a status.</summary>
    /// <exception cref="RpcException">The call ended before.</exception>
    public async ValueTask<ResponseReader?> WaitForResponsesAsync(CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(static call => ((HttpCall)call!).Dispose(), this);
        return await _responses;
    }

    /// <summary>Ends the call with what the server said after its last response.</summary>
    /// <exception cref="RpcException">That was another status than OK.</exception>
    public void EndWithTrailers(bool requiresMessage = false, bool hasMessage = false)
    {
        if (_end is null && _response is { } response)
        {
            var headers = _reader is null ? response.Headers : response.TrailingHeaders;
            _reader?.CompletePipe();
            var (status, trailers) = ResponseHead.ReadStatus(headers);
            if (requiresMessage && !hasMessage && status.StatusCode == StatusCode.OK)
            {
                status = new Status(StatusCode.Internal, "The server sent no response message.");
            }

            TryEnd(status, trailers);
        }

        ThrowIfEnded(otherwiseThanOk: true);
    }

    /// <summary>Ends the call with a failure, unless it has ended before, and gives what its user is to be told.</summary>
    public RpcException Fail(Exception failure)
    {
        TryEnd(failure is RpcException rpc ? rpc.Status : StatusMapping.OfException(failure), (failure as RpcException)?.Trailers ?? Metadata.Empty);
        return CreateException();
    }

    /// <exception cref="RpcException">The call has ended, with this status.</exception>
    public void ThrowIfEnded(bool otherwiseThanOk = false)
    {
        if (_end is { } end && !(otherwiseThanOk && end.Status.StatusCode == StatusCode.OK))
        {
            throw CreateException();
        }
    }

    /// <summary>Completes when the call has ended, in whatever way.</summary>
    public Task WaitForEndAsync()
    {
        lock (_gate)
        {
            return _end is not null ? Task.CompletedTask
                : (_ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>The pump has stopped, with or without a failure.</summary>
    public void RequestsHaveStopped(Exception? failure) => _requestsFailure = failure;

    /// <summary>What a write is told when nobody sends its messages any more.</summary>
    public RpcException CreateRequestsStoppedException() =>
        _end is not null
            ? CreateException()
            : new RpcException(
                _requestsFailure is { } failure
                    ? StatusMapping.OfException(failure)
                    : new Status(StatusCode.Cancelled, "The server takes no more requests, or the connection is lost; the responses end with the status."));

    public override void Dispose() => TryEnd(new Status(StatusCode.Cancelled, "The call was disposed before it ended."), Metadata.Empty);

    /// <summary>Gives the reader of the responses; null when there are none, only a status or an end.</summary>
    private async Task<ResponseReader?> SendAsync()
    {
        try
        {
            var request = await RequestHead.CreateAsync(_channel, _method, _host, _options, Requests, _cancellation.Token);
            var response = await _channel.NextConnection().SendAsync(request, _cancellation.Token);
            lock (_gate)
            {
                _response = response;
                if (_end is not null)
                {
                    // Who ended the call did not see the response.
                    response.Dispose();
                    return null;
                }
            }

            if (ResponseHead.ReadRefusal(response) is { } refusal)
            {
                throw new RpcException(refusal);
            }

            _headers.TrySetResult(ResponseHead.ReadMetadata(response.Headers));
            if (response.Headers.NonValidated.Contains(GrpcHeaders.Status))
            {
                return null;
            }

            var body = await response.Content.ReadAsStreamAsync(_cancellation.Token);
            _reader = new ResponseReader(
                this,
                PipeReader.Create(body, new StreamPipeReaderOptions(
                    bufferSize: _method.Type is MethodType.ServerStreaming or MethodType.DuplexStreaming ? StreamReadBytes : SingleReadBytes,
                    leaveOpen: true)),
                _channel.ReceiveLimits,
                acceptsCompressed: ResponseHead.FirstValue(response.Headers, GrpcHeaders.Encoding) == MessageCompression.Gzip);
            return _reader;
        }
        catch (Exception e)
        {
            Fail(e);
            return null;
        }
    }

    /// <summary>The one place where a call ends. False when it has ended before.</summary>
    private bool TryEnd(Status status, Metadata trailers)
    {
        if (status.StatusCode == StatusCode.Cancelled && DeadlineHasPassed)
        {
            // What was cancelled after the deadline, on this side or the other, was cancelled by it.
            status = DeadlinePassed();
        }

        HttpResponseMessage? response;
        TaskCompletionSource? ended;
        lock (_gate)
        {
            if (_end is not null)
            {
                return false;
            }

            _end = new CallEnd(status, trailers);
            response = _response;
            ended = _ended;
        }

        _deadlineTimer?.Dispose();
        _callerCancels.Unregister();
        if (_headers.TrySetException(CreateException()))
        {
            // Seen: the same exception is where the responses are awaited.
            _ = _headers.Task.Exception;
        }

        if (!Requests.IsSent || response is null)
        {
            // Stops the pump and, while the response is not here, the whole request.
            _cancellation.Cancel();
        }

        _reader?.CancelPendingRead();
        // Resets the stream if the server has not ended it.
        response?.Dispose();
        ended?.SetResult();
        return true;
    }

    private bool DeadlineHasPassed => _deadline is { } deadline && deadline <= _channel.Options.Time.GetUtcNow();

    private static Status DeadlinePassed() => new(StatusCode.DeadlineExceeded, "The deadline has passed.");

    private RpcException CreateException()
    {
        var end = _end!;
        return new RpcException(end.Status, end.Trailers);
    }

    private sealed record CallEnd(Status Status, Metadata Trailers);
}
