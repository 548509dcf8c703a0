namespace SealService.Pkcs11;

/// <summary>Whether a token is used, and why not. Safe for concurrent use.</summary>
/// <param name="token">As in "PKCS#11 token 'seal'".</param>
internal sealed class Breaker(string token)
{
    private readonly Lock _lock = new();
    private volatile TokenState _state = TokenState.Ready; // written under _lock
    private string? _lastFailure; // guarded by _lock
    private TaskCompletionSource _opened = NewSignal(); // guarded by _lock

    public TokenState State => _state;

    public string? LastFailure
    {
        get
        {
            lock (_lock)
            {
                return _lastFailure;
            }
        }
    }

    /// <summary>Completes when the breaker opens.</summary>
    public Task Opened
    {
        get
        {
            lock (_lock)
            {
                return _opened.Task;
            }
        }
    }

    /// <summary>Why a request is refused now, each time a new exception; null when the token is ready.</summary>
    public HsmException? Refusal()
    {
        if (State == TokenState.Ready)
        {
            return null;
        }

        lock (_lock)
        {
            return _state switch
            {
                TokenState.Ready => null,
                TokenState.Recovering => new HsmUnavailableException($"The {token} is being connected again. {_lastFailure}"),
                TokenState.Faulted => new HsmConfigurationException($"The {token} is not used any more. {_lastFailure}"),
                _ => new HsmUnavailableException($"The {token} is closed."),
            };
        }
    }

    /// <summary>Ready → Recovering. False in any other state.</summary>
    public bool TryOpen(string failure)
    {
        lock (_lock)
        {
            if (_state != TokenState.Ready)
            {
                return false;
            }

            _lastFailure = failure;
            _state = TokenState.Recovering;
            _opened.TrySetResult();
            return true;
        }
    }

    /// <summary>Recovering → Ready. False in any other state.</summary>
    public bool TryClose()
    {
        lock (_lock)
        {
            if (_state != TokenState.Recovering)
            {
                return false;
            }

            _opened = NewSignal();
            _state = TokenState.Ready;
            return true;
        }
    }

    /// <summary>Notes why an attempt to recover was in vain.</summary>
    public void NoteFailure(string failure)
    {
        lock (_lock)
        {
            _lastFailure = failure;
        }
    }

    /// <summary>For ever not used. False when that was so already.</summary>
    public bool TryFault(string failure)
    {
        lock (_lock)
        {
            if (_state is TokenState.Faulted or TokenState.Closed)
            {
                return false;
            }

            _lastFailure = failure;
            _state = TokenState.Faulted;
            return true;
        }
    }

    /// <summary>The token is being disposed. False when that was so already.</summary>
    public bool TryShut()
    {
        lock (_lock)
        {
            if (_state == TokenState.Closed)
            {
                return false;
            }

            _state = TokenState.Closed;
            return true;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
