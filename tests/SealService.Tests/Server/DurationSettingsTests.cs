extern alias server;

using Microsoft.Extensions.Configuration;
using server::SealService.Configuration;
using Xunit;

namespace SealService.Tests.Server;

/// <summary>Durations of the configuration are written with colons; a bare number, which .NET takes for days, is refused.</summary>
public sealed class DurationSettingsTests
{
    [Theory]
    [InlineData("Seal:Limits:WriteTimeout", "1")]
    [InlineData("Seal:Limits:WriteTimeout", "")]
    [InlineData("Seal:Hsm:SignTimeout", "00:00:61")]
    [InlineData("Seal:Ledgers:0:BatchInterval", "5 ms")]
    [InlineData("seal:ledgers:0:batchinterval", "0.005")]
    public void Read_WithoutColonsOrMalformed_NamesTheKeyAndTheForm(string key, string value)
    {
        var refusal = Assert.Throws<ConfigurationException>(() => Read(key, value));

        Assert.Equal($"{key} is '{value}'; write durations as hh:mm:ss.fff, for example 00:00:00.005.", refusal.Message, ignoreCase: true);
    }

    [Fact]
    public void Read_WithColons_IsTheDuration()
    {
        Assert.Equal(TimeSpan.FromHours(25), Read("Seal:Limits:DeadlineMax", "1.01:00:00").Limits.DeadlineMax);
        Assert.Equal(TimeSpan.FromMilliseconds(5), Read("Seal:Ledgers:0:BatchInterval", "00:00:00.005").Ledgers[0].BatchInterval);
        Assert.Equal(TimeSpan.Zero, Read("Seal:Ledgers:0:LongBatchInterval", "00:00:00").Ledgers[0].LongBatchInterval);
    }

    private static SealOptions Read(string key, string value) => ConfigurationLoader.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["Seal:Hsm:Module"] = "module.so",
            ["Seal:Hsm:TokenLabel"] = "seal",
            ["Seal:Hsm:PinFile"] = "pin",
            ["Seal:Ledgers:0:Origin"] = "seal.example.com/contracts",
            ["Seal:Ledgers:0:Folder"] = "ledger",
            [key] = value,
        })
        .Build());
}
