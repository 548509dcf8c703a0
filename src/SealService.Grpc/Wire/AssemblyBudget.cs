using Grpc.Core;

namespace Grpc.Wire;

/// <summary>
/// The bytes that the large messages of all calls may hold while they arrive or lie decompressed. The flow control of HTTP/2 can't bound
/// them: whoever assembles a message must give its sender new window, or it would never be complete. A message takes what has arrived of
/// it; one that is refused gives that back, and the budget has room for a largest message, so the last one of many can always be
/// completed. Thread-safe.
/// </summary>
internal sealed class AssemblyBudget(long bytesMax, string limitName)
{
    /// <summary>A message up to this size is free: small messages cost nothing here, and are served while large ones are refused.</summary>
    public const int FreeBytes = 64 * 1024;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private long _taken;

    /// <summary>Changes a message's share to what so many bytes of it need; zero gives it back.</summary>
    /// <param name="share">What the message holds; its owner's, zero at first.</param>
    /// <param name="messageBytes">The bytes of the message that are there, or are to be made room for.</param>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED with a retry delay: there is no room. The share is as before.</exception>
    public void Resize(ref int share, int messageBytes)
    {
        var needed = messageBytes > FreeBytes ? messageBytes : 0;
        if (needed == share)
        {
            return;
        }

        if (!TryTake(needed - share))
        {
            throw StatusDetails.RetryLater(
                StatusCode.ResourceExhausted,
                $"There is no room for {messageBytes} bytes of a message: large messages together may hold {bytesMax} ({limitName}).",
                RetryDelay);
        }

        share = needed;
    }

    private bool TryTake(long bytes)
    {
        var taken = Volatile.Read(ref _taken);
        while (bytes <= 0 || taken + bytes <= bytesMax)
        {
            var seen = Interlocked.CompareExchange(ref _taken, taken + bytes, taken);
            if (seen == taken)
            {
                return true;
            }

            taken = seen;
        }

        return false;
    }
}
