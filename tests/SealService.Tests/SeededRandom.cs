using System.Globalization;
using Xunit;

namespace SealService.Tests;

/// <summary>Randomness whose seed is printed; <c>SEAL_TEST_SEED</c> repeats a run.</summary>
internal static class SeededRandom
{
    public static Random Create()
    {
        int seed = Environment.GetEnvironmentVariable("SEAL_TEST_SEED") is { } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"SEAL_TEST_SEED={seed}");
        return new Random(seed);
    }

    public static byte[] NextBytes(this Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
