using SealService.Pkcs11;
using Xunit;

namespace SealService.Tests.Pkcs11;

public sealed class BreakerTests
{
    [Fact]
    public void TryOpen_Ready_RefusesUntilClosed()
    {
        var breaker = new Breaker("PKCS#11 token 't'");
        Assert.Null(breaker.Refusal());
        Assert.False(breaker.Opened.IsCompleted);
        Assert.False(breaker.TryClose());

        Assert.True(breaker.TryOpen("It failed."));
        Assert.False(breaker.TryOpen("It failed again."));

        Assert.True(breaker.Opened.IsCompletedSuccessfully);
        var refusal = Assert.IsType<HsmUnavailableException>(breaker.Refusal());
        Assert.Equal("The PKCS#11 token 't' is being connected again. It failed.", refusal.Message);
        Assert.NotSame(breaker.Refusal(), breaker.Refusal());

        Assert.True(breaker.TryClose());
        Assert.Null(breaker.Refusal());
        Assert.False(breaker.Opened.IsCompleted);
        Assert.Equal("It failed.", breaker.LastFailure);
    }

    [Fact]
    public void TryFault_IsForEver()
    {
        var breaker = new Breaker("PKCS#11 token 't'");
        Assert.True(breaker.TryOpen("It failed."));

        Assert.True(breaker.TryFault("The PIN was refused."));

        Assert.False(breaker.TryFault("Again."));
        Assert.False(breaker.TryClose());
        Assert.False(breaker.TryOpen("Again."));
        Assert.IsType<HsmConfigurationException>(breaker.Refusal());
    }

    [Fact]
    public void TryShut_WinsOverAll()
    {
        var breaker = new Breaker("PKCS#11 token 't'");

        Assert.True(breaker.TryShut());

        Assert.False(breaker.TryShut());
        Assert.False(breaker.TryOpen("Again."));
        Assert.False(breaker.TryFault("Again."));
        Assert.IsType<HsmUnavailableException>(breaker.Refusal());
    }
}
