using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Grpc.Server.Internal;

/// <summary>
/// The response of a call: headers, messages, status. The handler's thread writes; the deadline's and the stall watch's threads may end
/// it at any time. The gate decides who ends it, and nothing is written after that.
/// </summary>
internal sealed class ServerResponse : IDisposable
{
    // HTTP/2 error codes, RFC 9113 section 7.
    private const int InternalError = 0x2;
    private const int Cancel = 0x8;

    // How long the trailers of a terminated call may take to leave before the stream is reset all the same.
    private static readonly TimeSpan TrailersPatience = TimeSpan.FromSeconds(1);

    private readonly ServerCall _call;
    private readonly HttpResponse _http;
    private readonly ResponseBody _body;
    private readonly Lock _gate = new();

    // All of these are guarded by _gate.
    private bool _hasEnded;
    private bool _bodyHasBegun;
    private bool _compresses;

    // Written once, under _gate; read by any thread.
    private volatile Task? _termination;

    public ServerResponse(ServerCall call)
    {
        _call = call;
        _http = call.Http.Response;
        _body = new ResponseBody(call, _http.BodyWriter, _gate);
        _http.ContentType = GrpcHeaders.ContentType;
    }

    public long UnflushedBytes => _body.UnflushedBytes;

    /// <summary>Of a call that was ended from outside its handler: completes when that is done. Null for any other call.</summary>
    public Task? Termination => _termination;

    /// <summary>What the call ended with; written under the gate, to be read after an end was tried.</summary>
    public StatusCode EndedWith { get; private set; }

    /// <summary>Compresses what follows, if the client accepts gzip.</summary>
    public void ChooseCompression(bool compress)
    {
        lock (_gate)
        {
            if (_bodyHasBegun)
            {
                throw new InvalidOperationException("The response headers have been sent.");
            }

            _compresses = compress && MessageCompression.AcceptsGzip(_call.Http.Request.Headers.GrpcAcceptEncoding.ToString());
        }
    }

    /// <summary>Sends the headers before the first message.</summary>
    public ValueTask SendHeadersAsync(Metadata headers)
    {
        lock (_gate)
        {
            ThrowIfEnded();
            if (_bodyHasBegun)
            {
                throw new InvalidOperationException("The response headers have been sent.");
            }

            var bytes = MetadataCodec.CountBytes(headers);
            var options = _call.Runtime.Options;
            if (bytes > options.MaxMetadataBytes)
            {
                throw new InvalidOperationException(
                    $"The response headers count {bytes} bytes, over the limit of {options.MaxMetadataBytes} ({options.LimitName(nameof(options.MaxMetadataBytes))}).");
            }

            MetadataCodec.Write(headers, _http.Headers);
            BeginBody();
        }

        return FlushAsync(CancellationToken.None);
    }

    /// <summary>Buffers one message.</summary>
    public void Write<T>(Marshaller<T> marshaller, T message, WriteOptions? options)
    {
        lock (_gate)
        {
            WriteUnsynchronized(marshaller, message, options);
        }
    }

    /// <summary>Buffers one message and has it sent; waits only when too much waits for the client.</summary>
    public ValueTask SendAsync<T>(Marshaller<T> marshaller, T message, WriteOptions? options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool begins;
        ValueTask<FlushResult> flush;
        lock (_gate)
        {
            if (_call.IsAborted)
            {
                throw _call.CreateCancelledException(cause: null);
            }

            WriteUnsynchronized(marshaller, message, options);
            begins = _body.TryBeginSendUnsynchronized(options?.Flags.HasFlag(WriteFlags.BufferHint) == true, out flush);
        }

        if (begins)
        {
            _ = _body.SendBehindAsync(flush);
        }

        return _body.WaitForRoomAsync(cancellationToken);
    }

    /// <summary>Sends what was buffered, and waits while the client has no room for it.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ThrowIfEnded();
            return _body.FlushUnsynchronizedAsync(cancellationToken);
        }
    }

    /// <inheritdoc cref="ResponseBody.FinishAsync"/>
    public Task FinishSendingAsync() => _body.FinishAsync();

    /// <summary>
    /// Ends the response with a status, in the trailers or, when nothing was sent, in the headers alone. False when it has ended before.
    /// </summary>
    public bool TryEnd(Status status, Metadata trailers)
    {
        lock (_gate)
        {
            if (_hasEnded)
            {
                return false;
            }

            _hasEnded = true;
            EndedWith = status.StatusCode;
            if (_body.IsBroken)
            {
                EndedWith = StatusCode.Internal;
                ServerLog.ResponseBroken(_call.Runtime.Logger, _call.MethodName);
                Reset(InternalError);
                return true;
            }

            WriteStatus(status, trailers);
            _body.RecordCountsUnsynchronized();
            return true;
        }
    }

    /// <summary>
    /// Ends the response from outside the handler: status and end of the stream. While a flush is running the client is not reading,
    /// as a rule, and only a reset gets through. False when it has ended before.
    /// </summary>
    /// <param name="status">The status to send.</param>
    /// <param name="termination">Becomes <see cref="Termination"/> in the same instant.</param>
    /// <param name="responseEnds">Completes when all of it is done.</param>
    public bool TryTerminate(Status status, Task termination, out Task responseEnds)
    {
        responseEnds = Task.CompletedTask;
        lock (_gate)
        {
            if (_hasEnded)
            {
                return false;
            }

            _hasEnded = true;
            _termination = termination;
            EndedWith = status.StatusCode;
            if (_body.IsFlushingUnsynchronized || _body.IsBroken)
            {
                Reset(Cancel);
                _body.CancelSendingUnsynchronized();
                return true;
            }

            WriteStatus(status, Metadata.Empty);
            _body.RecordCountsUnsynchronized();
        }

        responseEnds = CompleteAsync();
        return true;
    }

    public void Dispose() => _body.Dispose();

    private async Task CompleteAsync()
    {
        try
        {
            await _http.CompleteAsync().WaitAsync(TrailersPatience, _call.Runtime.Time);
        }
        catch (TimeoutException)
        {
            // A client that does not read holds up the trailers as well.
            Reset(Cancel);
        }
    }

    private void BeginBody()
    {
        if (_bodyHasBegun)
        {
            return;
        }

        _bodyHasBegun = true;
        if (_compresses)
        {
            _http.Headers.GrpcEncoding = MessageCompression.Gzip;
        }
    }

    private void WriteStatus(Status status, Metadata trailers)
    {
        var target = _bodyHasBegun ? _call.Http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers : _http.Headers;
        target.GrpcStatus = StatusText.Of(status.StatusCode);
        if (status.Detail.Length > 0)
        {
            target.GrpcMessage = PercentEncoding.Encode(status.Detail);
        }

        if (trailers.Count == 0)
        {
            return;
        }

        var limit = _call.Runtime.Options.MaxMetadataBytes;
        if (MetadataCodec.CountBytes(trailers) is var bytes && bytes > limit)
        {
            ServerLog.TrailersTooLarge(_call.Runtime.Logger, _call.MethodName, bytes, limit);
            return;
        }

        MetadataCodec.Write(trailers, target);
    }

    private void Reset(int errorCode) => _call.Http.Features.Get<IHttpResetFeature>()?.Reset(errorCode);

    private void WriteUnsynchronized<T>(Marshaller<T> marshaller, T message, WriteOptions? options)
    {
        ThrowIfEnded();
        BeginBody();
        _body.WriteUnsynchronized(marshaller, message, _compresses && options?.Flags.HasFlag(WriteFlags.NoCompress) != true);
    }

    private void ThrowIfEnded()
    {
        if (_hasEnded)
        {
            throw _call.CreateCancelledException(cause: null);
        }
    }
}
