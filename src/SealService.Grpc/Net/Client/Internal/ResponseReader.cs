using System.IO.Pipelines;
using Grpc.Wire;

namespace Grpc.Net.Client.Internal;

/// <summary>Reads responses: a failure of the transport is the call's status.</summary>
internal sealed class ResponseReader(HttpCall call, PipeReader pipe, ReceiveLimits limits, bool acceptsCompressed)
    : MessageReader(pipe, limits, acceptsCompressed)
{
    protected override Exception WaitWasCancelled() => call.Fail(new OperationCanceledException());

    protected override Exception Translate(Exception transportFailure) => call.Fail(transportFailure);
}
