using Microsoft.Extensions.Logging;

namespace SealService.Pkcs11;

/// <summary>
/// A PKCS#11 token that is logged in and signs: its module, its sessions, its keys, and their recovery. Safe for concurrent use.
/// </summary>
public sealed class Token : IAsyncDisposable
{
    private readonly TokenOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly TokenLog _log;
    private readonly Module _module;
    private readonly Connector _connector;
    private readonly Breaker _breaker;
    private readonly TokenMetrics _metrics;
    private readonly SessionPool _pool;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _keeping;

    private Token(TokenOptions options, TimeProvider timeProvider, Module module, Connector connector, TokenLog log)
    {
        _options = options;
        _timeProvider = timeProvider;
        _log = log;
        _module = module;
        _connector = connector;
        _breaker = new Breaker(options.TokenName);
        _metrics = new TokenMetrics(options.TokenLabel ?? options.TokenSerial ?? options.TokenName);
        _pool = new SessionPool(connector, _breaker, options, timeProvider, _metrics, log);
        _metrics.Observe(() => Status);
        _keeping = new ConnectionKeeper(module, connector, _breaker, options, timeProvider, log).RunAsync(_stopping.Token);
    }

    /// <summary>Whether it signs, and how busy it is.</summary>
    public TokenStatus Status => new(
        _breaker.State, _connector.Current.Sessions, _pool.QueuedRequests, _connector.Generation, _breaker.LastFailure);

    /// <summary>Loads the module, finds the token and logs in.</summary>
    /// <exception cref="HsmConfigurationException">An option, the module, the token or the PIN is not there or not fit.</exception>
    /// <exception cref="HsmUnavailableException">The token does not answer as it should.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor macOS, or not 64-bit.</exception>
    public static Task<Token> OpenAsync(
        TokenOptions options, TimeProvider timeProvider, ILoggerFactory loggerFactory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(timeProvider);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        options.Validate();
        var log = new TokenLog(loggerFactory.CreateLogger<Token>());
        return OnOwnThread(() => Open(options, timeProvider, log), cancellationToken);
    }

    /// <summary>Finds the one private key with a label, checks its attributes, and verifies a first signature of it.</summary>
    /// <exception cref="HsmConfigurationException">There is no such key, more than one, or one that is not fit to sign.</exception>
    /// <exception cref="HsmUnavailableException">The token can't be reached now.</exception>
    public Task<SigningKey> GetSigningKeyAsync(string label, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(label);
        return FindAsync(new KeySelector(label, IdHex: null), cancellationToken);
    }

    /// <summary>The same, by the <c>object</c> and <c>id</c> of a PKCS#11 URI; its other attributes are not looked at.</summary>
    /// <exception cref="ArgumentException">The URI has neither, or is for another type of object.</exception>
    public Task<SigningKey> GetSigningKeyAsync(Pkcs11Uri uri, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (uri.ObjectLabel is null && uri.ObjectId is null)
        {
            throw new ArgumentException("The PKCS#11 URI of a key needs an 'object' or an 'id'.", nameof(uri));
        }

        if (uri.ObjectType is not (null or "private"))
        {
            throw new ArgumentException("The PKCS#11 URI of a signing key has the type 'private', or none.", nameof(uri));
        }

        return FindAsync(new KeySelector(uri.ObjectLabel, uri.ObjectId is { } id ? Convert.ToHexString(id.Span) : null), cancellationToken);
    }

    /// <summary>
    /// Refuses what is queued, waits for calls in flight, closes all sessions and with them the login, and releases the module.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (!_breaker.TryShut())
        {
            return;
        }

        await _stopping.CancelAsync();
        if (await KeepingEndsAsync() && await OnOwnThread(Close, CancellationToken.None))
        {
            _log.Closed(_options.TokenName);
        }
        else
        {
            _log.CloseTimedOut(_options.TokenName);
        }

        _metrics.Dispose();
        _stopping.Dispose();
    }

    /// <summary>Queues a signature and waits for it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="data">What its mechanism takes; not changed any more by the caller.</param>
    /// <param name="cancellationToken">Ends the wait; a signature that is being made is made, and thrown away.</param>
    internal async ValueTask<byte[]> SignAsync(SigningKey key, byte[] data, CancellationToken cancellationToken)
    {
        SignOutcome outcome = SignOutcome.Unavailable;
        var request = new SignRequest(key, data);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_breaker.Refusal() is { } refusal)
            {
                throw refusal;
            }

            if (!_pool.TryQueue(request))
            {
                throw _breaker.Refusal() ?? _pool.NewBusyException();
            }

            byte[] signature = await request.Task.WaitAsync(_options.SignTimeout, _timeProvider, cancellationToken);
            outcome = SignOutcome.Signed;
            return signature;
        }
        catch (TimeoutException)
        {
            outcome = SignOutcome.TimedOut;
            throw new HsmUnavailableException($"The {_options.TokenName} did not sign within {_options.SignTimeout.TotalSeconds:0.###} s.");
        }
        catch (OperationCanceledException)
        {
            outcome = SignOutcome.Canceled;
            throw;
        }
        catch (HsmException exception)
        {
            outcome = exception switch
            {
                HsmBusyException => SignOutcome.Busy,
                HsmConfigurationException => SignOutcome.Misconfigured,
                _ => SignOutcome.Unavailable,
            };
            throw;
        }
        finally
        {
            request.TrySetCanceled(CancellationToken.None); // if it is still queued, it is not served any more
            _metrics.Count(outcome, key.Algorithm);
        }
    }

    private static Token Open(TokenOptions options, TimeProvider timeProvider, TokenLog log)
    {
        if (!Module.IsSupportedHere)
        {
            throw new PlatformNotSupportedException(
                "PKCS#11 modules are supported on 64-bit Linux and macOS only: elsewhere their structures have another layout.");
        }

        Pin pin = Pin.Read(options.PinFile);
        Module? module = null;
        try
        {
            module = Module.Acquire(options.ModulePath, timeProvider);
            var token = new Token(options, timeProvider, module, Connector.Connect(module, options, pin, log), log);
            log.Opened(options.TokenName, options.ModulePath, token._pool.Sessions);
            return token;
        }
        catch
        {
            module?.Release(options.DrainTimeout);
            pin.Dispose();
            throw;
        }
    }

    private static Task<T> OnOwnThread<T>(Func<T> call, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(call, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private async Task<SigningKey> FindAsync(KeySelector selector, CancellationToken cancellationToken)
    {
        if (_breaker.Refusal() is { } refusal)
        {
            throw refusal;
        }

        SigningKey key = await OnOwnThread(() => _connector.Add(selector, this), cancellationToken);
        _log.KeyFound(_options.TokenName, key.Label, key.Algorithm);
        return key;
    }

    private async Task<bool> KeepingEndsAsync()
    {
        try
        {
            await _keeping.WaitAsync(_options.DrainTimeout, _timeProvider);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>False when a call hangs: then nothing is finalized under it, and the PIN is not cleared under a login.</summary>
    private bool Close() => _pool.TryStop() && _connector.TryClose() && _module.Release(_options.DrainTimeout);
}
