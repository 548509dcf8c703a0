using System.Diagnostics.CodeAnalysis;

namespace SealService.Pkcs11;

/// <summary>
/// Threads that sign, each with a session of its own, behind one bounded queue: PKCS#11 calls block, and a session is for one thread.
/// First come, first served, so a ledger that signs one head at a time never waits for more than the queue.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Threads may rest until the end; the source holds nothing but memory.")]
internal sealed class SessionPool
{
    private readonly TokenOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly Queue<SignRequest> _queue = new(); // guarded by itself, which threads without work wait on
    private readonly Thread[] _threads;
    private readonly CancellationTokenSource _stopping = new();
    private bool _closed; // guarded by _queue
    private int _atWork; // threads that do not rest

    public SessionPool(
        Connector connector, Breaker breaker, TokenOptions options, TimeProvider timeProvider, TokenMetrics metrics, TokenLog log)
    {
        _options = options;
        _timeProvider = timeProvider;
        Sessions = Math.Min(options.Sessions, connector.Current.SessionsMax);
        _atWork = Sessions;
        _threads = new Thread[Sessions];
        for (int i = 0; i < _threads.Length; i++)
        {
            var signer = new SessionSigner(this, connector, breaker, options, timeProvider, metrics, log);
            _threads[i] = new Thread(() => Run(signer)) { IsBackground = true, Name = $"{options.TokenName} #{i + 1}" };
            _threads[i].Start();
        }
    }

    /// <summary>As many sessions as may be open at once.</summary>
    public int Sessions { get; }

    public int QueuedRequests
    {
        get
        {
            lock (_queue)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>Queues a request; false when the queue is full, or the pool is closed.</summary>
    public bool TryQueue(SignRequest request)
    {
        lock (_queue)
        {
            if (_closed || _queue.Count >= _options.QueuedRequests)
            {
                return false;
            }

            _queue.Enqueue(request);
            Monitor.Pulse(_queue);
            return true;
        }
    }

    /// <summary>One thread less at work; <see cref="Rest"/> must follow. Never the last one: it goes on trying.</summary>
    public bool TryRest(out int atWork)
    {
        int before = Volatile.Read(ref _atWork);
        while (before > 1)
        {
            int seen = Interlocked.CompareExchange(ref _atWork, before - 1, before);
            if (seen == before)
            {
                atWork = before - 1;
                return true;
            }

            before = seen;
        }

        atWork = before;
        return false;
    }

    /// <summary>Blocks this thread for the time of a rest; it is at work again afterwards. After <see cref="TryRest"/>.</summary>
    public void Rest()
    {
        try
        {
            Task.Delay(_options.ShrinkInterval, _timeProvider, _stopping.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // The pool is being stopped.
        }

        Interlocked.Increment(ref _atWork);
    }

    public HsmBusyException NewBusyException() =>
        new($"The queue of the {_options.TokenName} is full ({_options.QueuedRequests} requests).");

    /// <summary>Takes no more requests and waits until the threads have ended; what is queued fails, as the breaker is shut.</summary>
    /// <returns>False: one of them hangs in a call.</returns>
    public bool TryStop()
    {
        _stopping.Cancel();
        lock (_queue)
        {
            _closed = true;
            Monitor.PulseAll(_queue);
        }

        long deadline = Environment.TickCount64 + (long)_options.DrainTimeout.TotalMilliseconds;
        return _threads.All(thread => thread.Join((int)Math.Max(0, deadline - Environment.TickCount64)));
    }

    private void Run(SessionSigner signer)
    {
        while (TryTake(out SignRequest? request))
        {
            signer.Serve(request);
        }
    }

    /// <summary>Waits for a request without spinning: under load that cost more than the hand-over. False when the pool is closed and the queue empty.</summary>
    private bool TryTake([NotNullWhen(true)] out SignRequest? request)
    {
        lock (_queue)
        {
            while (!_queue.TryDequeue(out request))
            {
                if (_closed)
                {
                    return false;
                }

                Monitor.Wait(_queue);
            }

            return true;
        }
    }
}
