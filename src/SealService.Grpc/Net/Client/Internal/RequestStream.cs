using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client.Internal;

/// <summary>
/// The requests of a call on their way: the caller writes into a pipe, and the HTTP request's body is pumped out of it. The caller goes on
/// building messages while those before are sent, and a flush takes one step however many messages it has.
/// </summary>
internal sealed class RequestStream : HttpContent
{
    // A pool block of this size goes out in whole DATA frames of 16 KiB.
    private const int SegmentBytes = 64 * 1024;

    private readonly HttpCall _call;
    private readonly Pipe _pipe;
    private readonly MessageWriter _messages;
    private readonly bool _compresses;

    // Owned by the caller's thread.
    private bool _isComplete;

    // Written by the pump.
    private bool _hasStarted;
    private bool _isSent;

    public RequestStream(HttpCall call, GrpcChannelOptions options, bool isStream, bool compresses)
    {
        _call = call;
        _compresses = compresses;
        _pipe = new Pipe(new PipeOptions(
            pauseWriterThreshold: options.RequestBufferBytes,
            resumeWriterThreshold: options.RequestBufferBytes / 2,
            minimumSegmentSize: isStream ? SegmentBytes : -1,
            useSynchronizationContext: false));
        _messages = new MessageWriter(_pipe.Writer, options.MaxSendMessageBytes);
        Headers.ContentType = new MediaTypeHeaderValue(GrpcHeaders.ContentType);
    }

    public long UnflushedBytes => _pipe.Writer.UnflushedBytes;

    /// <summary>Whether all requests have been given to the connection.</summary>
    public bool IsSent => Volatile.Read(ref _isSent);

    public void Write<T>(Marshaller<T> marshaller, T message, WriteOptions? options)
    {
        ThrowIfComplete();
        _call.ThrowIfEnded();
        _messages.Write(marshaller, message, _compresses && options?.Flags.HasFlag(WriteFlags.NoCompress) != true);
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        ThrowIfComplete();
        var flush = _pipe.Writer.FlushAsync(cancellationToken);
        if (!flush.IsCompletedSuccessfully)
        {
            return FlushAsyncCore(flush);
        }

        return flush.Result.IsCompleted ? ValueTask.FromException(_call.CreateRequestsStoppedException()) : ValueTask.CompletedTask;
    }

    /// <summary>Ends the requests.</summary>
    public async Task CompleteAsync()
    {
        if (_isComplete)
        {
            return;
        }

        _isComplete = true;
        await _pipe.Writer.CompleteAsync();
        _messages.Dispose();
    }

    /// <summary>The pump. It ends with the requests, or when the call is cancelled.</summary>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (_hasStarted)
        {
            // The handler tries a lost connection's request on another one. Here the messages are sent once, so the call is UNAVAILABLE.
            throw new IOException("The connection was lost before the server took the call.");
        }

        _hasStarted = true;
        try
        {
            await PumpAsync(stream, cancellationToken);
        }
        catch (OperationCanceledException) when (!_call.HasEnded)
        {
            // The stream was reset or the connection is lost, and who waits for the response is told why. A failure from here would be taken
            // for the reason, and a return for the end of the requests, which the server must never see of requests that were cut off.
            await _call.WaitForEndAsync();
            throw;
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long length)
    {
        length = -1;
        return false;
    }

    private async Task PumpAsync(Stream stream, CancellationToken cancellationToken)
    {
        Exception? failure = null;
        try
        {
            // Otherwise the headers may wait for the first message, and the server's answer with them.
            await stream.FlushAsync(cancellationToken);
            while (true)
            {
                var result = await _pipe.Reader.ReadAsync(cancellationToken);
                foreach (var segment in result.Buffer)
                {
                    await stream.WriteAsync(segment, cancellationToken);
                }

                _pipe.Reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    break;
                }

                await stream.FlushAsync(cancellationToken);
            }

            Volatile.Write(ref _isSent, true);
        }
        catch (Exception e)
        {
            failure = e;
            throw;
        }
        finally
        {
            _call.RequestsHaveStopped(failure is OperationCanceledException && !_call.HasEnded ? null : failure);
            await _pipe.Reader.CompleteAsync();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FlushAsyncCore(ValueTask<FlushResult> flush)
    {
        if ((await flush).IsCompleted)
        {
            // Nobody reads the pipe any more.
            throw _call.CreateRequestsStoppedException();
        }
    }

    private void ThrowIfComplete()
    {
        if (_isComplete)
        {
            throw new InvalidOperationException("The requests have been completed.");
        }
    }
}
