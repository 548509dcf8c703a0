using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>Signs on one thread in one session, and does what <see cref="RecoveryPolicy"/> says when that fails.</summary>
internal sealed class SessionSigner(
    SessionPool pool,
    Connector connector,
    Breaker breaker,
    TokenOptions options,
    TimeProvider timeProvider,
    TokenMetrics metrics,
    TokenLog log)
{
    private Connection? _connection; // the one that _session belongs to; null: no session
    private nuint _session;

    private enum Next
    {
        Done,
        Again,
    }

    /// <summary>Completes a request, in whatever way.</summary>
    public void Serve(SignRequest request)
    {
        try
        {
            for (int attempt = 1; TryOnce(request, attempt) == Next.Again; attempt++)
            {
            }
        }
        catch (HsmException exception)
        {
            request.TrySetException(exception);
        }
        catch (Exception exception)
        {
            // The thread must live on: the caller gets what was unexpected, and this session is not trusted any more.
            log.Unexpected(exception, options.TokenName);
            _connection = null;
            request.TrySetException(new HsmUnavailableException($"Signing on the {options.TokenName} failed unexpectedly.", exception));
        }
    }

    /// <summary>One attempt, and what follows from its failure.</summary>
    private Next TryOnce(SignRequest request, int attempt)
    {
        if (request.IsCompleted)
        {
            return Next.Done; // the caller waits no longer
        }

        if (breaker.Refusal() is { } refusal)
        {
            request.TrySetException(refusal);
            return Next.Done;
        }

        if (request.Key.Fault is { } fault)
        {
            request.TrySetException(new HsmConfigurationException(fault));
            return Next.Done;
        }

        Connection connection = connector.Current;
        if (!connection.TryEnter(out Connection.Use use))
        {
            Reconnect(connection); // another token of the module had it re-initialised
            return Next.Again;
        }

        CKR returnValue;
        string function;
        using (use)
        {
            returnValue = Sign(connection, request, out function);
        }

        return returnValue == CKR.OK ? Next.Done : Recover(request, attempt, connection, returnValue, function);
    }

    private Next Recover(SignRequest request, int attempt, Connection connection, CKR returnValue, string function)
    {
        RecoveryAction action = RecoveryPolicy.ActionFor(returnValue, attempt);
        string failure = $"{function} failed on the {options.TokenName}: {RecoveryPolicy.Describe(returnValue)}.";
        log.CallFailed(options.TokenName, function, RecoveryPolicy.Describe(returnValue), attempt, action);
        switch (action)
        {
            case RecoveryAction.RetryOnNewSession:
                return Next.Again;

            case RecoveryAction.Login:
                Login(connection);
                return Next.Again;

            case RecoveryAction.Reconnect:
                Reconnect(connection);
                return Next.Again;

            // What an old connection says late is no news of the current one.
            case RecoveryAction.Reinitialize when ReferenceEquals(connector.Current, connection):
                OpenBreaker(failure);
                break;

            case RecoveryAction.ShrinkPool when pool.TryRest(out int atWork):
                log.SessionRests(options.TokenName, RecoveryPolicy.Describe(returnValue), atWork);
                HandOver(request);
                pool.Rest();
                return Next.Done;

            case RecoveryAction.Fatal:
                Fault(failure);
                return Next.Again; // it meets the breaker's refusal

            default:
                break;
        }

        request.TrySetException(new HsmUnavailableException(failure) { ReturnValue = (ulong)returnValue });
        return Next.Done;
    }

    /// <summary>Signs and completes the request; or says which function failed, and then the session is gone.</summary>
    private CKR Sign(Connection connection, SignRequest request, out string function)
    {
        CKR returnValue;
        if (!ReferenceEquals(_connection, connection))
        {
            // A session of the connection before is closed with that.
            function = "C_OpenSession";
            _connection = null;
            returnValue = connection.OpenSession(out _session);
            if (returnValue != CKR.OK)
            {
                return returnValue;
            }

            _connection = connection;
        }

        function = "C_Sign";
        if (!connection.KeyHandles.TryGetValue(request.Key, out nuint handle))
        {
            return CKR.KEY_HANDLE_INVALID;
        }

        long started = timeProvider.GetTimestamp();
        returnValue = request.Key.SignCore(connection.Module.Cryptoki, _session, handle, request.Data, out byte[] signature);
        metrics.Signed(timeProvider.GetElapsedTime(started), request.Key.Algorithm);
        if (returnValue == CKR.OK)
        {
            request.TrySetResult(signature);
        }
        else
        {
            _connection = null;
            connection.DropSession(_session, returnValue);
        }

        return returnValue;
    }

    private void Login(Connection connection)
    {
        CKR returnValue = connector.Login(connection);
        if (returnValue != CKR.OK && RecoveryPolicy.IsFatal(returnValue))
        {
            Fault($"C_Login failed on the {options.TokenName}: {RecoveryPolicy.Describe(returnValue)}.");
        }
    }

    private void Reconnect(Connection failed)
    {
        try
        {
            connector.Reconnect(failed);
        }
        catch (HsmException exception) when (exception.IsFatal)
        {
            Fault(exception.Message);
        }
        catch (HsmException exception)
        {
            OpenBreaker(exception.Message);
        }
    }

    /// <summary>Gives a request to another session.</summary>
    private void HandOver(SignRequest request)
    {
        if (!pool.TryQueue(request))
        {
            request.TrySetException(pool.NewBusyException());
        }
    }

    private void OpenBreaker(string failure)
    {
        if (breaker.TryOpen(failure))
        {
            log.BreakerOpened(options.TokenName, failure);
        }
    }

    private void Fault(string failure)
    {
        if (breaker.TryFault(failure))
        {
            log.TokenFaulted(options.TokenName, failure);
        }
    }
}
