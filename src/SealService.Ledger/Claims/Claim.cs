using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// The right to seal one document under one idempotency key; nobody else gets it meanwhile. Pass it to
/// <see cref="LedgerWriter.TryAdd"/> with the document, or dispose of it: a claim that is dropped blocks its key until the
/// ledger is opened again.
/// </summary>
public sealed class Claim : IDisposable
{
    private readonly ClaimRegistry _registry;
    private readonly TaskCompletionSource<bool> _lookedUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<long?> _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MerkleHash _key;
    private readonly MerkleHash _digest;
    private int _state; // a ClaimState; changed by compare-exchange

    internal Claim(ClaimRegistry registry, MerkleHash key, MerkleHash digest)
    {
        _registry = registry;
        _key = key;
        _digest = digest;
    }

    private enum ClaimState
    {
        Held,
        Added,
        Settled,
    }

    /// <summary>SHA-256 of the idempotency key.</summary>
    public ref readonly MerkleHash Key => ref _key;

    /// <summary>SHA-256 of the document that it is claimed for.</summary>
    public ref readonly MerkleHash Digest => ref _digest;

    internal ReadOnlySpan<byte> KeyBytes => _key.AsSpan();

    /// <summary>Completes when the claim's owner knows that the key is in no entry (true), or in one already (false).</summary>
    internal Task<bool> LookedUp => _lookedUp.Task;

    /// <summary>Completes with the index of the sealed entry, or with null when it was not sealed.</summary>
    internal Task<long?> Settled => _settled.Task;

    /// <summary>Gives the key free again, unless the document has been added: then the ledger does so when it is due.</summary>
    public void Dispose()
    {
        if (Interlocked.CompareExchange(ref _state, (int)ClaimState.Settled, (int)ClaimState.Held) == (int)ClaimState.Held)
        {
            _registry.Remove(this);
            _settled.TrySetResult(null); // when the ledger has failed, whoever waits has been told so already
        }
    }

    internal void EndLookup(bool isNew) => _lookedUp.TrySetResult(isNew);

    internal bool BelongsTo(ClaimRegistry registry) => _registry == registry;

    /// <summary>The document has been added: from here on the batch decides.</summary>
    internal bool TryMarkAdded() =>
        Interlocked.CompareExchange(ref _state, (int)ClaimState.Added, (int)ClaimState.Held) == (int)ClaimState.Held;

    /// <summary>The batch was not sealed: the key is free again.</summary>
    internal void Release()
    {
        Volatile.Write(ref _state, (int)ClaimState.Settled);
        _registry.Remove(this);
        _settled.TrySetResult(null);
    }

    /// <summary>Nobody knows what became of the entry: whoever waits is told so, and the key stays claimed.</summary>
    internal void Fail(Exception exception)
    {
        _lookedUp.TrySetResult(true);
        if (_settled.TrySetException(exception))
        {
            _ = _settled.Task.Exception; // observed: perhaps nobody waits
        }
    }

    /// <summary>The index holds the key of the sealed entry.</summary>
    internal void Forget() => _registry.Remove(this);

    /// <summary>The entry is sealed. The key stays claimed until the index holds it.</summary>
    internal void Seal(long index)
    {
        Volatile.Write(ref _state, (int)ClaimState.Settled);
        _settled.TrySetResult(index);
    }
}
