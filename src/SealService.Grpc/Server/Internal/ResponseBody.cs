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
/// Members that end in Unsynchronized want the gate held, the others take it where they need it.
/// </summary>
internal sealed class ResponseBody(ServerCall call, PipeWriter pipe, Lock gate) : IDisposable
{
    /// <summary>So much is kept beside the pipe before SendAsync waits, and so much of messages with a buffer hint before they are sent.</summary>
    private const int BufferedBytesMax = 64 * 1024;

    private readonly MessageWriter _messages = new(pipe, call.Runtime.Options.MaxSendMessageBytes, call.Runtime.SendLimitName);

    // All of these are guarded by the gate; the writer also reads the first two without it. SendBehindAsync is running:
    private volatile bool _isSending;

    // What was written since; empty while nothing is being sent.
    private PooledBuffer? _behind;

    // Made with the first message that is sent without waiting.
    private CancellationTokenSource? _sendingEnds;

    // Somebody waits for the flush of SendBehindAsync.
    private TaskCompletionSource? _flushEnds;

    // The handler is in FlushAsync, or in a SendAsync that waits.
    private bool _writerWaits;
    private bool _writerHasFinished;

    /// <summary>What was written and no flush has begun for.</summary>
    public long UnflushedBytes => _isSending ? _behind!.WrittenCount : pipe.UnflushedBytes;

    /// <summary>Part of a message is in the pipe and the rest will not come: the stream can only be reset.</summary>
    public bool IsBroken => _messages.IsBroken;

    /// <summary>What was sent did not leave yet, so the client may not be reading.</summary>
    public bool IsFlushingUnsynchronized => _writerWaits || _isSending;

    /// <exception cref="InvalidOperationException">A write that waits was not awaited.</exception>
    public void WriteUnsynchronized<T>(Marshaller<T> marshaller, T message, bool compress)
    {
        ThrowIfWriterWaits();
        _messages.Write(marshaller, message, compress);
    }

    /// <summary>Has what was written sent.</summary>
    /// <param name="mayWait">More will follow soon: sent when enough is there.</param>
    /// <param name="flush">When true is returned, to be given to <see cref="SendBehindAsync"/> after the gate was left.</param>
    public bool TryBeginSendUnsynchronized(bool mayWait, out ValueTask<FlushResult> flush)
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

        _messages.Target = _behind ??= new PooledBuffer();
        _isSending = true;
        return true;
    }

    /// <summary>Waits while more is kept beside the pipe than may be.</summary>
    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        if (!_isSending || _behind!.WrittenCount < BufferedBytesMax)
        {
            return ValueTask.CompletedTask;
        }

        lock (gate)
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
    public ValueTask FlushUnsynchronizedAsync(CancellationToken cancellationToken)
    {
        ThrowIfWriterWaits();
        if (_isSending)
        {
            _writerWaits = true;
            return WaitAsync(FlushEndsUnsynchronized(), untilAllIsSent: true, cancellationToken);
        }

        var flush = pipe.FlushAsync(cancellationToken);
        if (flush.IsCompletedSuccessfully)
        {
            // An aborted request completes its flushes as if nothing had happened.
            _ = flush.Result;
            RecordCountsUnsynchronized();
            return call.IsAborted ? ValueTask.FromException(call.CreateCancelledException(cause: null)) : ValueTask.CompletedTask;
        }

        _writerWaits = true;
        return WaitForFlushAsync(flush);
    }

    /// <summary>
    /// The handler writes no more: completes when the flush that is running does. What is left is in the pipe then and leaves with the
    /// status. Without it nothing may be done with the pipe.
    /// </summary>
    public Task FinishAsync()
    {
        if (!_isSending)
        {
            return Task.CompletedTask;
        }

        lock (gate)
        {
            _writerHasFinished = true;
            return _isSending ? FlushEndsUnsynchronized() : Task.CompletedTask;
        }
    }

    /// <summary>
    /// Ends the flush that is running: the call is over. A reset does not do it while the connection's socket is full. What waits for the
    /// flush continues on another thread.
    /// </summary>
    public void CancelSendingUnsynchronized() => _ = _sendingEnds?.CancelAsync();

    /// <summary>Adds what was written since the last time to the metrics.</summary>
    public void RecordCountsUnsynchronized()
    {
        _messages.TakeCounts(out var messages, out var bytes);
        if (messages > 0)
        {
            ServerMetrics.Sent(call.MethodName, messages, bytes);
        }
    }

    public void Dispose()
    {
        _messages.Dispose();
        _behind?.Dispose();
        if (_sendingEnds is { IsCancellationRequested: false } unused)
        {
            unused.Dispose();
        }
    }

    /// <summary>Waits for a flush and sends what was written during it, until nothing is left. Never fails.</summary>
    public async Task SendBehindAsync(ValueTask<FlushResult> flush)
    {
        var goesOn = true;
        while (goesOn)
        {
            call.WriteWaitBegins();
            try
            {
                await flush;
            }
            catch (OperationCanceledException) when (call.IsAborted)
            {
            }
            catch (Exception)
            {
                // The connection is lost; the handler's next write says so.
                call.ClientHasGone();
            }

            TaskCompletionSource? waiting;
            lock (gate)
            {
                // Before another round of sending can begin.
                call.WriteWaitEnds();
                goesOn = TryFlushBehindUnsynchronized(out flush);
                (waiting, _flushEnds) = (_flushEnds, null);
            }

            waiting?.SetResult();
        }
    }

    private bool TryFlushBehindUnsynchronized(out ValueTask<FlushResult> flush)
    {
        RecordCountsUnsynchronized();
        if (_behind!.WrittenCount > 0 && !call.IsAborted)
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
        _messages.Target = pipe;
        _isSending = false;
        flush = default;
        return false;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitForFlushAsync(ValueTask<FlushResult> flush)
    {
        call.WriteWaitBegins();
        try
        {
            await flush;
        }
        finally
        {
            call.WriteWaitEnds();
            lock (gate)
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
                lock (gate)
                {
                    isDone = !untilAllIsSent || !_isSending;
                    flushEnds = isDone ? Task.CompletedTask : FlushEndsUnsynchronized();
                }
            }
        }
        finally
        {
            lock (gate)
            {
                _writerWaits = false;
            }
        }

        ThrowIfAborted();
    }

    private Task FlushEndsUnsynchronized() => (_flushEnds ??= new TaskCompletionSource()).Task;

    private void ThrowIfAborted()
    {
        if (call.IsAborted)
        {
            throw call.CreateCancelledException(cause: null);
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
