using System.IO.Pipelines;
using Grpc.Wire;
using Microsoft.AspNetCore.Connections;

namespace Grpc.Server.Internal;

/// <summary>Reads requests: a wait is watched for stalls, and a client's reset is a cancelled call.</summary>
internal sealed class ServerMessageReader(ServerCall call, PipeReader pipe, ReceiveLimits limits, bool acceptsCompressed)
    : MessageReader(pipe, limits, acceptsCompressed)
{
    // How long the message that is arriving was waited for, in ticks of the timestamp; only waits count, not what its handler does between.
    private long _waitedTicks;
    private bool _waitsInsideMessage;

    /// <summary>Adds what was read since the last time to the metrics.</summary>
    public void RecordCounts()
    {
        if (MessagesRead > 0)
        {
            ServerMetrics.Received(call.MethodName, MessagesRead, BytesRead);
            (MessagesRead, BytesRead) = (0, 0);
        }
    }

    protected override void WaitBegins(bool insideMessage)
    {
        if (!_waitsInsideMessage || MessagesRead > 0)
        {
            // Another message than the one that the last wait was for, or its first bytes have come since.
            _waitedTicks = 0;
        }

        _waitsInsideMessage = insideMessage;
        RecordCounts();
        call.ReadWaitBegins(_waitedTicks);
    }

    protected override void WaitEnds() => _waitedTicks = call.ReadWaitEnds();

    protected override Exception WaitWasCancelled() => call.CreateCancelledException(cause: null);

    // Kestrel's ConnectionAbortedException is an OperationCanceledException, and yet no wait that somebody cancelled.
    protected override bool IsTransportFailure(Exception exception) =>
        exception is ConnectionAbortedException || base.IsTransportFailure(exception);

    protected override Exception Translate(Exception transportFailure)
    {
        // Kestrel reports a reset stream and a lost connection as an IOException of the pending read.
        call.ClientHasGone();
        return call.CreateCancelledException(transportFailure);
    }
}
