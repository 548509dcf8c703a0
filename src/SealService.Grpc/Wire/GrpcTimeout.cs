using System.Globalization;

namespace Grpc.Wire;

/// <summary><c>grpc-timeout</c>: 1 to 8 digits and one unit of <c>H M S m u n</c>.</summary>
internal static class GrpcTimeout
{
    private const int DigitsMax = 8;
    private const long LargestNumber = 99_999_999;

    public static bool TryParse(ReadOnlySpan<char> value, out TimeSpan timeout)
    {
        timeout = default;
        if (value.Length is < 2 or > DigitsMax + 1 || value[..^1].ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        var number = long.Parse(value[..^1], NumberStyles.None, CultureInfo.InvariantCulture);
        long ticks;
        switch (value[^1])
        {
            // 99,999,999 hours are 3.6e18 ticks: within a long.
            case 'H': ticks = number * TimeSpan.TicksPerHour; break;
            case 'M': ticks = number * TimeSpan.TicksPerMinute; break;
            case 'S': ticks = number * TimeSpan.TicksPerSecond; break;
            case 'm': ticks = number * TimeSpan.TicksPerMillisecond; break;
            case 'u': ticks = number * TimeSpan.TicksPerMicrosecond; break;
            // A tick is 100 ns. Rounded up: a time-out of 1 ns is not one of 0.
            case 'n': ticks = (number + TimeSpan.NanosecondsPerTick - 1) / TimeSpan.NanosecondsPerTick; break;
            default: return false;
        }

        timeout = new TimeSpan(ticks);
        return true;
    }

    /// <summary>The shortest exact unit that the digits can hold; otherwise rounded up to the next one that can.</summary>
    public static string Format(TimeSpan timeout)
    {
        if (timeout <= TimeSpan.Zero)
        {
            return "1n";
        }

        var microseconds = DivideUp(timeout.Ticks, TimeSpan.TicksPerMicrosecond);
        if (microseconds <= LargestNumber)
        {
            return Text(microseconds, 'u');
        }

        var milliseconds = DivideUp(timeout.Ticks, TimeSpan.TicksPerMillisecond);
        if (milliseconds <= LargestNumber)
        {
            return Text(milliseconds, 'm');
        }

        var seconds = DivideUp(timeout.Ticks, TimeSpan.TicksPerSecond);
        return seconds <= LargestNumber
            ? Text(seconds, 'S')
            : Text(Math.Min(DivideUp(timeout.Ticks, TimeSpan.TicksPerHour), LargestNumber), 'H');

        static long DivideUp(long ticks, long unit) => (ticks / unit) + (ticks % unit == 0 ? 0 : 1);

        static string Text(long number, char unit) => string.Create(CultureInfo.InvariantCulture, $"{number}{unit}");
    }
}
