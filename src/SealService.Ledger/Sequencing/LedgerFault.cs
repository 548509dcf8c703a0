using Microsoft.Extensions.Logging;

namespace SealService.Ledger.Sequencing;

/// <summary>The one-way switch from working to stopped: after it nobody knows the ledger's state until it is opened again.</summary>
internal sealed class LedgerFault(ILogger logger)
{
    private readonly TaskCompletionSource<Exception> _raised = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with what went wrong.</summary>
    public Task<Exception> Raised => _raised.Task;

    public Exception? Exception => _raised.Task.IsCompletedSuccessfully ? _raised.Task.Result : null;

    public void Raise(Exception exception)
    {
        if (_raised.TrySetResult(exception))
        {
            LedgerLog.Faulted(logger, exception);
        }
    }
}
