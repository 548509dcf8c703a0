using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using SealService.Merkle;

namespace SealService.Ledger;

/// <summary>
/// The idempotency keys that are being sealed. A key is here from before the index is asked until the index holds it, so at
/// any time it is found in one of the two places, and exactly one entry is made for it.
/// </summary>
internal sealed class ClaimRegistry(Func<MerkleHash, CancellationToken, ValueTask<SealedKey?>> findSealed)
{
    private readonly ConcurrentDictionary<MerkleHash, Claim> _claims = new();

    public int Count => _claims.Count;

    public async ValueTask<ClaimResult> ClaimAsync(MerkleHash key, MerkleHash digest, CancellationToken cancellationToken)
    {
        Claim? claim = null;
        while (true)
        {
            claim ??= new Claim(this, key, digest);
            Claim first = _claims.GetOrAdd(key, claim);
            if (first == claim)
            {
                return await LookUpAsync(claim, cancellationToken);
            }

            // While its owner still asks the index, nobody knows which document the key belongs to.
            if (!await first.LookedUp.WaitAsync(cancellationToken))
            {
                continue; // it gave the key back
            }

            if (first.Digest != digest)
            {
                return ClaimResult.Conflict();
            }

            Task<long?> settled = first.Settled;
            if (!settled.IsCompletedSuccessfully) // waiting for a failed one throws
            {
                return ClaimResult.InFlight(settled);
            }

            if (settled.Result is { } index)
            {
                return ClaimResult.SealedAt(index);
            }
        }
    }

    /// <summary>The ledger's state is unknown: all who wait are told.</summary>
    public void FailAll(Exception exception)
    {
        foreach (Claim claim in _claims.Values)
        {
            claim.Fail(exception);
        }
    }

    internal void Remove(Claim claim) => _claims.TryRemove(new KeyValuePair<MerkleHash, Claim>(claim.Key, claim));

    private async ValueTask<ClaimResult> LookUpAsync(Claim claim, CancellationToken cancellationToken)
    {
        bool isNew = false;
        try
        {
            SealedKey? found = await findSealed(claim.Key, cancellationToken);
            isNew = found is null;
            return found is not { } sealedKey ? ClaimResult.NewClaim(claim)
                : sealedKey.Digest == claim.Digest ? ClaimResult.SealedAt(sealedKey.Index)
                : ClaimResult.Conflict();
        }
        finally
        {
            try
            {
                if (!isNew)
                {
                    claim.Dispose();
                }
            }
            finally
            {
                claim.EndLookup(isNew); // or others would wait for the answer for ever
            }
        }
    }
}

/// <summary>The entry that an idempotency key has led to.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SealedKey(long Index, MerkleHash Digest);
