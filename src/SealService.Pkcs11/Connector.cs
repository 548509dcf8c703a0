using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>Connects a token, again and again, and finds and verifies its keys each time. Safe for concurrent use.</summary>
internal sealed class Connector
{
    private readonly Lock _lock = new(); // also for every use of an anchor session
    private readonly Module _module;
    private readonly TokenOptions _options;
    private readonly Pin _pin; // read under _lock
    private readonly TokenLog _log;
    private readonly List<SigningKey> _keys = []; // guarded by _lock
    private bool _closed; // guarded by _lock
    private volatile Connection _current; // written under _lock
    private long _generation = 1; // written under _lock

    private Connector(Module module, TokenOptions options, Pin pin, Connection connection, TokenLog log)
    {
        _module = module;
        _options = options;
        _pin = pin;
        _current = connection;
        _log = log;
    }

    public Connection Current => _current;

    /// <summary>How often the token was connected.</summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>Connects for the first time. The PIN belongs to the connector from now on.</summary>
    public static Connector Connect(Module module, TokenOptions options, Pin pin, TokenLog log)
    {
        using Module.CallScope call = module.EnterCall();
        return new Connector(module, options, pin, Connection.Open(module, options, pin), log);
    }

    /// <summary>
    /// Replaces a connection that failed, unless another thread did so already: new sessions, a new login, every key found and verified
    /// anew.
    /// </summary>
    /// <exception cref="HsmException">It did not work; the connection that failed is still the current one.</exception>
    public void Reconnect(Connection failed)
    {
        lock (_lock)
        {
            if (!ReferenceEquals(_current, failed))
            {
                return;
            }

            ThrowIfClosed();
            if (!failed.Retire(_options.DrainTimeout))
            {
                _log.SessionsLost(_options.TokenName, failed.Sessions);
            }

            using Module.CallScope call = _module.EnterCall();
            Connection next = Connection.Open(_module, _options, _pin);
            try
            {
                foreach (SigningKey key in _keys)
                {
                    Bind(key, next);
                }
            }
            catch
            {
                next.CloseAnchor();
                throw;
            }

            _current = next;
            Volatile.Write(ref _generation, _generation + 1);
            _log.Reconnected(_options.TokenName, _generation);
        }
    }

    /// <summary>Logs in again, unless the connection is over.</summary>
    public CKR Login(Connection connection)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            using Module.CallScope call = _module.EnterCall();

            // The anchor's number may be that of a session with another token by now, which would take this PIN for a wrong one.
            return connection.IsOver ? CKR.SESSION_HANDLE_INVALID : connection.Login(_pin);
        }
    }

    /// <summary>Asks the token whether the connection is alive.</summary>
    public CKR Check(Connection connection)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            using Module.CallScope call = _module.EnterCall();
            return connection.IsOver ? CKR.SESSION_HANDLE_INVALID : connection.CheckAnchor();
        }
    }

    /// <summary>Finds a key, verifies a signature of it, and keeps it over all connections to come.</summary>
    public SigningKey Add(KeySelector selector, Token token)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            try
            {
                return AddUnsynchronized(selector, token);
            }
            catch (HsmUnavailableException exception) when (exception.ReturnValue is { } returnValue
                && RecoveryPolicy.IsRetried((CKR)returnValue))
            {
                Reconnect(_current);
                return AddUnsynchronized(selector, token);
            }
        }
    }

    /// <summary>Ends the connection and clears the PIN.</summary>
    /// <returns>False: a call did not return in time. Then the PIN stays as well: a login may be reading it.</returns>
    public bool TryClose()
    {
        if (!_lock.TryEnter(_options.DrainTimeout))
        {
            return false;
        }

        try
        {
            if (!_current.Retire(_options.DrainTimeout))
            {
                return false;
            }

            _closed = true;
            _pin.Dispose();
            return true;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>A cleared PIN must never reach C_Login: it would count as a wrong one.</summary>
    private void ThrowIfClosed()
    {
        if (_closed)
        {
            throw new HsmUnavailableException($"The {_options.TokenName} is closed.");
        }
    }

    private SigningKey AddUnsynchronized(KeySelector selector, Token token)
    {
        using Module.CallScope call = _module.EnterCall();
        _current.ThrowIfFailed(_current.IsOver ? CKR.SESSION_HANDLE_INVALID : CKR.OK, "C_FindObjectsInit");
        KeyObject found = KeyObject.Find(_current, selector, _options);
        foreach (SigningKey known in _keys)
        {
            if (_current.KeyHandles.TryGetValue(known, out nuint handle) && handle == found.Handle)
            {
                return known;
            }
        }

        var key = new SigningKey(token, selector, found);
        Verify(key, _current, found.Handle);
        _current.KeyHandles[key] = found.Handle;
        _keys.Add(key);
        return key;
    }

    /// <summary>
    /// Finds a key in a new connection. A key that is another one now, or none, is not used any more; the token's other keys are.
    /// </summary>
    private void Bind(SigningKey key, Connection next)
    {
        if (key.Fault is not null)
        {
            return;
        }

        try
        {
            KeyObject found = KeyObject.Find(next, key.Selector, _options);
            if (!found.PublicKey.Matches(key.EcPublicKey))
            {
                throw new HsmConfigurationException(
                    $"The private key {key.Selector} in the {_options.TokenName} is another one than before.");
            }

            Verify(key, next, found.Handle);
            next.KeyHandles[key] = found.Handle;
        }
        catch (HsmConfigurationException exception)
        {
            key.Fault = exception.Message;
            _log.KeyFaulted(exception.Message);
        }
    }

    /// <summary>
    /// Makes a signature on the anchor session and verifies it with the pinned public key. The signed text has no newline, so it is not
    /// the text of a signed note (C2SP), which ends in one: nobody can pass this signature off as a checkpoint's.
    /// </summary>
    private void Verify(SigningKey key, Connection connection, nuint handle)
    {
        ReadOnlySpan<byte> text = "SealService verifies that the HSM signs with the expected key"u8;
        CKR returnValue = key.SignCore(_module.Cryptoki, connection.Anchor, handle, key.Prepare(text), out byte[] signature);
        if (returnValue is CKR.MECHANISM_INVALID or CKR.KEY_FUNCTION_NOT_PERMITTED or CKR.KEY_TYPE_INCONSISTENT)
        {
            throw new HsmConfigurationException(
                $"The private key {key.Selector} in the {_options.TokenName} can't sign with CKM_{key.Mechanism}: "
                + $"{RecoveryPolicy.Describe(returnValue)}.")
            {
                ReturnValue = (ulong)returnValue,
            };
        }

        connection.ThrowIfFailed(returnValue, "C_Sign");
        if (!key.EcPublicKey.Verify(text, signature, _options.Ed25519Verifier))
        {
            throw new HsmConfigurationException(
                $"The private key {key.Selector} in the {_options.TokenName} does not belong to the public key beside it.");
        }
    }
}
