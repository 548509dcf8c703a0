using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>
/// Looks after a token while it is open: a heartbeat on the anchor session, and the recovery once the breaker has opened. Each attempt to
/// recover is
/// <list type="number">
/// <item>re-initialise the module, if that was not tried within <see cref="TokenOptions.ReinitializeInterval"/>;</item>
/// <item>connect: find the token, log in, find every key and verify a signature of it;</item>
/// <item>close the breaker, or wait <see cref="TokenOptions.ReconnectInterval"/> and begin again.</item>
/// </list>
/// So a fault that passes by itself (throttling, a short loss of the network) is over without a second re-initialisation.
/// </summary>
internal sealed class ConnectionKeeper(
    Module module, Connector connector, Breaker breaker, TokenOptions options, TimeProvider timeProvider, TokenLog log)
{
    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await WaitForFailureOrHeartbeatAsync(stopping);
                if (breaker.State == TokenState.Ready)
                {
                    await OnOwnThread(CheckHeartbeat);
                }

                while (breaker.State == TokenState.Recovering && !await OnOwnThread(TryRecover))
                {
                    await Task.Delay(options.ReconnectInterval, timeProvider, stopping);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The token is being closed.
        }
    }

    /// <summary>PKCS#11 calls block for as long as a network takes to fail: not on the thread pool.</summary>
    private static Task<bool> OnOwnThread(Func<bool> call) =>
        Task.Factory.StartNew(call, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private async Task WaitForFailureOrHeartbeatAsync(CancellationToken stopping)
    {
        try
        {
            await breaker.Opened.WaitAsync(options.HeartbeatInterval, timeProvider, stopping);
        }
        catch (TimeoutException)
        {
            // The heartbeat is due.
        }
    }

    private bool CheckHeartbeat()
    {
        try
        {
            Connection connection = connector.Current;
            CKR returnValue = connector.Check(connection);
            if (returnValue == CKR.OK)
            {
                return true;
            }

            RecoveryAction action = RecoveryPolicy.ActionFor(returnValue, attempt: 1);
            log.CallFailed(options.TokenName, "C_GetSessionInfo", RecoveryPolicy.Describe(returnValue), attempt: 1, action);
            if (RecoveryPolicy.IsRetried(returnValue))
            {
                connector.Reconnect(connection);
            }
            else if (action == RecoveryAction.Reinitialize)
            {
                OpenBreaker($"C_GetSessionInfo failed on the {options.TokenName}: {RecoveryPolicy.Describe(returnValue)}.");
            }
        }
        catch (HsmException exception)
        {
            NoteFailure(exception);
        }
        catch (Exception exception)
        {
            log.Unexpected(exception, options.TokenName);
        }

        return false;
    }

    private bool TryRecover()
    {
        try
        {
            Connection failed = connector.Current;
            Reinitialization outcome = module.TryReinitialize(
                failed.ModuleGeneration, options.ReinitializeInterval, options.DrainTimeout, out CKR returnValue);
            if (outcome != Reinitialization.TooSoon)
            {
                log.Reinitialized(module.ToString(), outcome, RecoveryPolicy.Describe(returnValue));
            }

            connector.Reconnect(failed);
            if (breaker.TryClose())
            {
                log.BreakerClosed(options.TokenName);
            }

            return true;
        }
        catch (HsmException exception)
        {
            NoteFailure(exception);
        }
        catch (Exception exception)
        {
            log.Unexpected(exception, options.TokenName);
        }

        return false;
    }

    /// <summary>A refused PIN is final. A token that is not there, or not to be reached, may come back.</summary>
    private void NoteFailure(HsmException exception)
    {
        if (exception.IsFatal)
        {
            if (breaker.TryFault(exception.Message))
            {
                log.TokenFaulted(options.TokenName, exception.Message);
            }
        }
        else if (breaker.State == TokenState.Ready)
        {
            OpenBreaker(exception.Message);
        }
        else
        {
            breaker.NoteFailure(exception.Message);
            log.ReconnectFailed(options.TokenName, exception.Message);
        }
    }

    private void OpenBreaker(string failure)
    {
        if (breaker.TryOpen(failure))
        {
            log.BreakerOpened(options.TokenName, failure);
        }
    }
}
