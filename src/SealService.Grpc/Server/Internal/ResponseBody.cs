using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Server.Internal;

/// <summary>
/// The messages of a response on their way into the web server's pipe, which is not touched while a flush of it is running: over Kestrel
/// such a flush can stay pending for ever. What is written meanwhile is kept beside the pipe.
/// <code>
/// Write        buffers a message
/// FlushAsync   sends what is buffered, and waits for it
/// SendAsync    buffers a message and has it sent, without waiting for that: messages that come during a flush leave together with the
///              next one, which follows by itself. A message alone leaves at once, a thousand in a row leave in a few frames.
/// </code>
/// Members that end in Unsynchronized want the gate held, the others take it where they need it. The response is derived from this, and
/// this from the writer, so that a call has one object of the three: for a small unary call objects are what the layer costs.
/// </summary>
internal abstract class ResponseBody(ServerCall call, PipeWriter pipe)
    : MessageWriter(pipe, call.Runtime.Options.MaxSendMessageBytes, call.Runtime.SendLimitName)
{
    /// <summary>So much is kept beside the pipe before SendAsync waits, and so much of messages with a buffer hint before they are sent.</summary>
    private const int BufferedBytesMax = 64 * 1024;

    // All of these are guarded by the gate; the writer also reads the first two without it. SendBehindAsync is running:
    private volatile bool _isSending;

    // What was written since; empty while nothing is being sent.
    private PooledBuffer? _behind;

    // Made with the first message that is sent without waiting, or the first flush that its handler gives no token.
    private CancellationTokenSource? _sendingEnds;

    // Somebody waits for the flush of SendBehindAsync.
    private TaskCompletionSource? _flushEnds;

    // The handler is in FlushAsync, or in a SendAsync that waits.
    private bool _writerWaits;
    private bool _writerHasFinished;

    protected ServerCall Call { get; } = call;

    protected Lock Gate { get; } = new();

    /// <summary>What was written and no flush has begun for.</summary>
    public long UnflushedBytes => _isSending ? _behind!.WrittenCount : pipe.UnflushedBytes;

    /// <summary>What was sent did not leave yet, so the client may not be reading.</summary>
    protected bool IsFlushingUnsynchronized => _writerWaits || _isSending;

    /// <exception cref="InvalidOperationException">A write that waits was not awaited.</exception>
    protected void WriteUnsynchronized<T>(Marshaller<T> marshaller, T message, bool compress)
    {
        ThrowIfWriterWaits();
        Write(marshaller, message, compress);
    }

    /// <summary>Has what was written sent.</summary>
    /// <param name="mayWait">More will follow soon: sent when enough is there.</param>
    /// <param name="flush">When true is returned, to be given to <see cref="SendBehindAsync"/> after the gate was left.</param>
    protected bool TryBeginSendUnsynchronized(bool mayWait, out ValueTask<FlushResult> flush)
    {
        flush = default;
        if (_isSending || (mayWait && pipe.UnflushedBytes < BufferedBytesMax))
        {
            return false;
        }

        _sendingEnds ??= new CancellationTokenSource();
        flush = pipe.FlushAsync(_sendingEnds.Token);
        if (flush.IsCompletedSuccessfully)
        {
            _ = flush.Result;
            RecordCountsUnsynchronized();
            return false;
        }

        Target = _behind ??= new PooledBuffer();
        _isSending = true;
        return true;
    }

    /// <summary>Waits while more is kept beside the pipe than may be.</summary>
    protected ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        if (!_isSending || _behind!.WrittenCount < BufferedBytesMax)
        {
            return ValueTask.CompletedTask;
        }

        lock (Gate)
        {
            if (!_isSending || _behind.WrittenCount < BufferedBytesMax)
            {
                return ValueTask.CompletedTask;
            }

            _writerWaits = true;
            return WaitAsync(FlushEndsUnsynchronized(), untilAllIsSent: false, cancellationToken);
        }
    }

    /// <summary>Sends what was buffered, and waits while the client has no room for it.</summary>
    protected ValueTask FlushUnsynchronizedAsync(CancellationToken cancellationToken)
    {
        ThrowIfWriterWaits();
        if (_isSending)
        {
            _writerWaits = true;
            return WaitAsync(FlushEndsUnsynchronized(), untilAllIsSent: true, cancellationToken);
        }

        // The termination of the call ends it in any case: of a reset alone Kestrel's flush may never hear.
        var flush = pipe.FlushAsync(cancellationToken.CanBeCanceled ? cancellationToken : (_sendingEnds ??= new CancellationTokenSource()).Token);
        if (flush.IsCompletedSuccessfully)
        {
            // An aborted request completes its flushes as if nothing had happened.
            _ = flush.Result;
            RecordCountsUnsynchronized();
            return Call.IsAborted ? ValueTask.FromException(Call.CreateCancelledException(cause: null)) : ValueTask.CompletedTask;
        }

        _writerWaits = true;
        return WaitForFlushAsync(flush);
    }

    /// <summary>
    /// The handler writes no more: completes when the flush that is running does. What is left is in the pipe then and leaves with the
    /// status. Without it nothing may be done with the pipe.
    /// </summary>
    public Task FinishSendingAsync()
    {
        if (!_isSending)
        {
            return Task.CompletedTask;
        }

        lock (Gate)
        {
            _writerHasFinished = true;
            return _isSending ? FlushEndsUnsynchronized() : Task.CompletedTask;
        }
    }

    /// <summary>
    /// Ends the flush that is running: the call is over. A reset does not do it while the connection's socket is full. What waits for the
    /// flush continues on another thread.
    /// </summary>
    protected void CancelSendingUnsynchronized() => _ = _sendingEnds?.CancelAsync();

    /// <summary>Adds what was written since the last time to the metrics.</summary>
    protected void RecordCountsUnsynchronized()
    {
        TakeCounts(out var messages, out var bytes);
        if (messages > 0)
        {
            ServerMetrics.Sent(Call.MethodName, messages, bytes);
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _behind?.Dispose();
        if (_sendingEnds is { IsCancellationRequested: false } unused)
        {
            unused.Dispose();
        }
    }

    /// <summary>Waits for a flush and sends what was written during it, until nothing is left. Never fails.</summary>
    protected async Task SendBehindAsync(ValueTask<FlushResult> flush)
    {
        var goesOn = true;
        while (goesOn)
        {
            Call.WriteWaitBegins();
            try
            {
                await flush;
            }
            catch (OperationCanceledException) when (Call.IsAborted)
            {
            }
            catch (Exception)
            {
                // The connection is lost; the handler's next write says so.
                Call.ClientHasGone();
            }

            TaskCompletionSource? waiting;
            lock (Gate)
            {
                // Before another round of sending can begin.
                Call.WriteWaitEnds();
                goesOn = TryFlushBehindUnsynchronized(out flush);
                (waiting, _flushEnds) = (_flushEnds, null);
            }

            waiting?.SetResult();
        }
    }

    private bool TryFlushBehindUnsynchronized(out ValueTask<FlushResult> flush)
    {
        RecordCountsUnsynchronized();
        if (_behind!.WrittenCount > 0 && !Call.IsAborted)
        {
            pipe.Write(_behind.Written.Span);
            _behind.Clear();
            if (!_writerHasFinished)
            {
                flush = pipe.FlushAsync(_sendingEnds!.Token);
                return true;
            }
        }

        // A stream that is idle keeps no array.
        _behind.Dispose();
        Target = pipe;
        _isSending = false;
        flush = default;
        return false;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitForFlushAsync(ValueTask<FlushResult> flush)
    {
        Call.WriteWaitBegins();
        try
        {
            await flush;
        }
        finally
        {
            Call.WriteWaitEnds();
            lock (Gate)
            {
                _writerWaits = false;
                RecordCountsUnsynchronized();
            }
        }

        ThrowIfAborted();
    }

    private async ValueTask WaitAsync(Task flushEnds, bool untilAllIsSent, CancellationToken cancellationToken)
    {
        try
        {
            var isDone = false;
            while (!isDone)
            {
                await flushEnds.WaitAsync(cancellationToken);
                lock (Gate)
                {
                    isDone = !untilAllIsSent || !_isSending;
                    flushEnds = isDone ? Task.CompletedTask : FlushEndsUnsynchronized();
                }
            }
        }
        finally
        {
            lock (Gate)
            {
                _writerWaits = false;
            }
        }

        ThrowIfAborted();
    }

    private Task FlushEndsUnsynchronized() => (_flushEnds ??= new TaskCompletionSource()).Task;

    private void ThrowIfAborted()
    {
        if (Call.IsAborted)
        {
            throw Call.CreateCancelledException(cause: null);
        }
    }

    private void ThrowIfWriterWaits()
    {
        if (_writerWaits)
        {
            throw new InvalidOperationException("The write before is still running: await it, writes can't overlap.");
        }
    }
}
