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
internal sealed class ServerResponse : ResponseBody
{
    // HTTP/2 error codes, RFC 9113 section 7.
    private const int InternalError = 0x2;
    private const int Cancel = 0x8;

    // How long the trailers of a terminated call may take to leave before the stream is reset all the same.
    private static readonly TimeSpan TrailersPatience = TimeSpan.FromSeconds(1);

    private readonly HttpResponse _http;

    // All of these are guarded by the gate.
    private bool _hasEnded;
    private bool _bodyHasBegun;
    private bool _compresses;

    // Written once, under the gate; read by any thread.
    private volatile Task? _termination;

    public ServerResponse(ServerCall call)
        : base(call, call.Http.Response.BodyWriter)
    {
        _http = call.Http.Response;
        _http.ContentType = GrpcHeaders.ContentType;
    }

    /// <summary>Of a call that was ended from outside its handler: completes when that is done. Null for any other call.</summary>
    public Task? Termination => _termination;

    /// <summary>What the call ended with; written under the gate, to be read after an end was tried.</summary>
    public StatusCode EndedWith { get; private set; }

    /// <summary>Compresses what follows, if the client accepts gzip.</summary>
    public void ChooseCompression(bool compress)
    {
        lock (Gate)
        {
            if (_bodyHasBegun)
            {
                throw new InvalidOperationException("The response headers have been sent.");
            }

            _compresses = compress && MessageCompression.AcceptsGzip(Call.Http.Request.Headers.GrpcAcceptEncoding.ToString());
        }
    }

    /// <summary>Sends the headers before the first message.</summary>
    public ValueTask SendHeadersAsync(Metadata headers)
    {
        lock (Gate)
        {
            ThrowIfEnded();
            if (_bodyHasBegun)
            {
                throw new InvalidOperationException("The response headers have been sent.");
            }

            var bytes = MetadataCodec.CountBytes(headers);
            var options = Call.Runtime.Options;
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
        lock (Gate)
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
        lock (Gate)
        {
            if (Call.IsAborted)
            {
                throw Call.CreateCancelledException(cause: null);
            }

            WriteUnsynchronized(marshaller, message, options);
            begins = TryBeginSendUnsynchronized(options?.Flags.HasFlag(WriteFlags.BufferHint) == true, out flush);
        }

        if (begins)
        {
            _ = SendBehindAsync(flush);
        }

        return WaitForRoomAsync(cancellationToken);
    }

    /// <summary>Sends what was buffered, and waits while the client has no room for it.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            ThrowIfEnded();
            return FlushUnsynchronizedAsync(cancellationToken);
        }
    }

    /// <summary>
    /// Ends the response with a status, in the trailers or, when nothing was sent, in the headers alone. False when it has ended before.
    /// </summary>
    public bool TryEnd(Status status, Metadata trailers)
    {
        lock (Gate)
        {
            if (_hasEnded)
            {
                return false;
            }

            _hasEnded = true;
            EndedWith = status.StatusCode;
            if (IsBroken)
            {
                EndedWith = StatusCode.Internal;
                ServerLog.ResponseBroken(Call.Runtime.Logger, Call.MethodName);
                Reset(InternalError);
                return true;
            }

            WriteStatus(status, trailers);
            RecordCountsUnsynchronized();
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
        lock (Gate)
        {
            if (_hasEnded)
            {
                return false;
            }

            _hasEnded = true;
            _termination = termination;
            EndedWith = status.StatusCode;
            if (IsFlushingUnsynchronized || IsBroken)
            {
                Reset(Cancel);
                CancelSendingUnsynchronized();
                return true;
            }

            WriteStatus(status, Metadata.Empty);
            RecordCountsUnsynchronized();
        }

        responseEnds = CompleteAsync();
        return true;
    }

    private async Task CompleteAsync()
    {
        try
        {
            await _http.CompleteAsync().WaitAsync(TrailersPatience, Call.Runtime.Time);
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
        // By type, as in ServerCall.Prepare.
        var target = _bodyHasBegun
            ? ((IHttpResponseTrailersFeature)Call.Http.Features[typeof(IHttpResponseTrailersFeature)]!).Trailers
            : _http.Headers;
        target.GrpcStatus = StatusText.Of(status.StatusCode);
        if (status.Detail.Length > 0)
        {
            target.GrpcMessage = PercentEncoding.Encode(status.Detail);
        }

        if (trailers.Count == 0)
        {
            return;
        }

        var limit = Call.Runtime.Options.MaxMetadataBytes;
        if (MetadataCodec.CountBytes(trailers) is var bytes && bytes > limit)
        {
            ServerLog.TrailersTooLarge(Call.Runtime.Logger, Call.MethodName, bytes, limit);
            return;
        }

        MetadataCodec.Write(trailers, target);
    }

    private void Reset(int errorCode) => Call.Http.Features.Get<IHttpResetFeature>()?.Reset(errorCode);

    private void WriteUnsynchronized<T>(Marshaller<T> marshaller, T message, WriteOptions? options)
    {
        ThrowIfEnded();
        BeginBody();
        WriteUnsynchronized(marshaller, message, _compresses && options?.Flags.HasFlag(WriteFlags.NoCompress) != true);
    }

    private void ThrowIfEnded()
    {
        if (_hasEnded)
        {
            throw Call.CreateCancelledException(cause: null);
        }
    }
}
