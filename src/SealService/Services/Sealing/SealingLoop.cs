using System.Buffers;
using System.Runtime.ExceptionServices;
using Grpc.Core;
using Grpc.Server;

namespace SealService.Services.Sealing;

/// <summary>Takes one message of a sealing stream, in the transport's buffers; it is valid until the handler that was given beside it has run.</summary>
internal delegate ValueTask SealingMessageHandler(in ReadOnlySequence<byte> message);

/// <summary>The reading side of a sealing stream, from its first message until everything that it brought has been answered.</summary>
/// <param name="requests">The client's messages.</param>
/// <param name="cancellationToken">The client has gone.</param>
/// <param name="stopping">The server is stopping: what was accepted is finished, nothing more is read.</param>
internal sealed class SealingLoop(ServerStreamReader<ReadOnlySequence<byte>> requests, CancellationToken cancellationToken, CancellationToken stopping)
{
    /// <summary>Set when the first message has opened it.</summary>
    public SealingStream? Stream { get; set; }

    /// <summary>
    /// True when to read a message can take milliseconds (it is compressed, or a batch): then the visit to the open batch ends after each,
    /// because the ledger waits for its visitors, and no message is kept: a compressed one is there only until the next is read.
    /// </summary>
    public bool PausesAfterEach { get; init; }

    /// <summary>Hands each message to <paramref name="handle"/> and waits for all answers.</summary>
    /// <param name="handle">Takes one message.</param>
    /// <param name="finish">Finishes with messages that were kept: after it, they are not there any more.</param>
    /// <exception cref="RpcException">UNAVAILABLE: the server is stopping. Or whatever ended the answering side.</exception>
    public async Task RunAsync(SealingMessageHandler handle, Func<ValueTask> finish)
    {
        var drained = await ReadAsync(handle, finish);
        if (Stream is { } stream)
        {
            try
            {
                await stream.CompleteAsync();
            }
            catch (OperationCanceledException) when (stream.Fault is { } fault)
            {
                ExceptionDispatchInfo.Throw(fault);
            }
        }

        if (drained)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The server is stopping. What was not answered was not sealed."));
        }
    }

    // True when it ended because the server is stopping.
    private async Task<bool> ReadAsync(SealingMessageHandler handle, Func<ValueTask> finish)
    {
        using var until = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping);
        try
        {
            while (await requests.WaitToReadAsync(until.Token))
            {
                await HandleWhatIsThereAsync(handle, finish);
                Stream?.Pause();
                stopping.ThrowIfCancellationRequested();
                if (Stream is { Ended.IsCancellationRequested: true } ended)
                {
                    throw ended.Fault ?? new OperationCanceledException(ended.Ended);
                }
            }

            return false;
        }
        catch (OperationCanceledException) when (Stream?.Fault is { } fault)
        {
            ExceptionDispatchInfo.Throw(fault);
            return false; // not reached
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return true;
        }
    }

    private async ValueTask HandleWhatIsThereAsync(SealingMessageHandler handle, Func<ValueTask> finish)
    {
        while (!stopping.IsCancellationRequested && requests.TryRead(out var message))
        {
            var handling = handle(message);
            if (!handling.IsCompletedSuccessfully)
            {
                await handling;
            }

            if (PausesAfterEach)
            {
                await finish();
                Stream?.Pause();
            }
        }

        await finish();
    }
}
