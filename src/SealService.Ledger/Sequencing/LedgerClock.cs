namespace SealService.Ledger.Sequencing;

/// <summary>The ledger's time in Unix milliseconds: the machine's, but it never goes back, whatever the machine's does.</summary>
internal sealed class LedgerClock(TimeProvider time)
{
    private long _last; // grows by compare-exchange

    /// <summary>From here on no reading is below <paramref name="unixMs"/>.</summary>
    public void AdvanceTo(long unixMs) => Max(unixMs);

    public long Read() => Max(time.GetUtcNow().ToUnixTimeMilliseconds());

    private long Max(long now)
    {
        long last = Volatile.Read(ref _last);
        while (now > last)
        {
            long seen = Interlocked.CompareExchange(ref _last, now, last);
            if (seen == last)
            {
                return now;
            }

            last = seen;
        }

        return last;
    }
}
