using System.Globalization;

namespace SealService.Cli.Output;

/// <summary>Times for people: 2026-03-02 14:05:09.123 UTC.</summary>
internal static class Timestamps
{
    public static string Format(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff 'UTC'", CultureInfo.InvariantCulture);
}
