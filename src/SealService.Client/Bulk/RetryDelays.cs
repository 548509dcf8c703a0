namespace SealService.Client.Bulk;

/// <summary>
/// Delays between attempts: doubling up to a maximum, each jittered to between a half and the whole of itself, so that many
/// clients that lost the same server do not come back at the same instant. Owned by one loop.
/// </summary>
internal sealed class RetryDelays(TimeSpan first, TimeSpan max, Random jitter)
{
    private int _doublings;

    /// <summary>The delay before the next attempt.</summary>
    public TimeSpan Next()
    {
        var delay = first * Math.Pow(2, _doublings);
        if (delay < max)
        {
            _doublings++;
        }
        else
        {
            delay = max;
        }

        return delay * (0.5 + (jitter.NextDouble() / 2));
    }

    /// <summary>Starts over: something worked.</summary>
    public void Reset() => _doublings = 0;
}
