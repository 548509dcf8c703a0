using System.Text;
using SealService.Pkcs11;
using Xunit;

namespace SealService.Tests.Pkcs11;

public sealed class Pkcs11UriTests
{
    // Examples of RFC 7512 section 3, those without the attributes and query attributes that are refused here.
    [Theory]
    [InlineData("pkcs11:", null, null, null)]
    [InlineData("pkcs11:object=my-pubkey;type=public", null, "my-pubkey", "public")]
    [InlineData("pkcs11:object=my-key;type=private?pin-source=file:/etc/token", null, "my-key", "private")]
    [InlineData("pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;type=cert",
        "Software PKCS#11 softtoken", "my-certificate", "cert")]
    [InlineData(
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91"
        + "?pin-source=file:/etc/token_pin",
        "The Software PKCS#11 Softtoken", "my-certificate", "cert")]
    [InlineData("pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert",
        "A name with a substring %;", "my-certificate", "cert")]
    [InlineData("pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert",
        "Name with a small A with acute: á", "my-certificate", "cert")]
    public void Parse_ExampleOfTheRfc_IsRead(string text, string? token, string? label, string? type)
    {
        Pkcs11Uri uri = Pkcs11Uri.Parse(text);

        Assert.Equal((token, label, type), (uri.Token, uri.ObjectLabel, uri.ObjectType));
        Assert.Equal(text, uri.ToString());
    }

    [Fact]
    public void Parse_AllAttributes_AreRead()
    {
        Pkcs11Uri uri = Pkcs11Uri.Parse(
            "PKCS11:token=t;manufacturer=m;serial=s;model=o;slot-id=327;object=l;type=private;id=%01%02"
            + "?module-path=/a/b.so&pin-source=file:///c&x=y&x=z");

        Assert.Equal(("t", "m", "s", "o", 327UL), (uri.Token, uri.Manufacturer, uri.Serial, uri.Model, uri.SlotId));
        Assert.Equal(("l", "private", "/a/b.so", "/c"), (uri.ObjectLabel, uri.ObjectType, uri.ModulePath, uri.PinFile));
        Assert.Equal([1, 2], uri.ObjectId!.Value.ToArray());
    }

    [Theory]
    [InlineData("pin-source=file:/etc/pin", "/etc/pin")]
    [InlineData("pin-source=file:///etc/pin", "/etc/pin")]
    [InlineData("pin-source=file://localhost/etc/pin", "/etc/pin")]
    [InlineData("pin-source=/etc/pin%201", "/etc/pin 1")]
    public void Parse_PinSource_IsAFile(string query, string path) => Assert.Equal(path, Pkcs11Uri.Parse("pkcs11:?" + query).PinFile);

    [Theory]
    [InlineData("")]
    [InlineData("pkcs12:token=t")]
    [InlineData("pkcs11")]
    [InlineData("pkcs11:token")]
    [InlineData("pkcs11:=t")]
    [InlineData("pkcs11:token=t;")]
    [InlineData("pkcs11:;token=t")]
    [InlineData("pkcs11:token=a;token=b")]
    [InlineData("pkcs11:id=%0")]
    [InlineData("pkcs11:id=%ZZ")]
    [InlineData("pkcs11:id=%+1")]
    [InlineData("pkcs11:token=SSH Keys")]
    [InlineData("pkcs11:token=a/b")]
    [InlineData("pkcs11:token=á")]
    [InlineData("pkcs11:token=t#fragment")]
    [InlineData("pkcs11:token=%FF")]
    [InlineData("pkcs11:type=key")]
    [InlineData("pkcs11:slot-id=0x1")]
    [InlineData("pkcs11:slot-id=-1")]
    [InlineData("pkcs11:slot-id=99999999999999999999")]
    [InlineData("pkcs11:to ken=t")]
    [InlineData("pkcs11:?module-path=relative.so")]
    [InlineData("pkcs11:?module-path=/a&module-path=/b")]
    [InlineData("pkcs11:?module-name=softhsm2")]
    [InlineData("pkcs11:?pin-source=|/bin/ask")]
    [InlineData("pkcs11:?pin-source=file://elsewhere/pin")]
    [InlineData("pkcs11:?pin-source=pin")]
    public void TryParse_Invalid_SaysWhy(string text)
    {
        Assert.False(Pkcs11Uri.TryParse(text, out Pkcs11Uri? uri, out string? error));
        Assert.Null(uri);
        Assert.EndsWith(".", error, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => Pkcs11Uri.Parse(text));
    }

    [Theory]
    [InlineData("library-version=3")]
    [InlineData("slot-description=x")]
    [InlineData("vendor=x")]
    public void TryParse_PathAttributeThatIsNotMatched_IsRefused(string attribute)
    {
        Assert.False(Pkcs11Uri.TryParse("pkcs11:token=t;" + attribute, out _, out string? error));
        Assert.Contains(attribute.Split('=')[0], error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_PinValue_IsRefusedWithoutRepeatingIt()
    {
        Assert.False(Pkcs11Uri.TryParse("pkcs11:token=t?pin-value=12345678", out _, out string? error));
        Assert.DoesNotContain("12345678", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_TooLong_IsRefused() =>
        Assert.False(Pkcs11Uri.TryParse("pkcs11:token=" + new string('a', Pkcs11Uri.CharsMax), out _, out _));

    [Fact]
    public void TryParse_RandomText_NeverThrows()
    {
        const string Alphabet = "pkcs11:?&;=%0aF/token-id é\0";
        int seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            var text = new StringBuilder("pkcs11:");
            for (int length = random.Next(30); length > 0; length--)
            {
                text.Append(Alphabet[random.Next(Alphabet.Length)]);
            }

            Assert.Equal(Pkcs11Uri.TryParse(text.ToString(), out _, out string? error), error is null);
        }
    }

    [Theory]
    [InlineData("pkcs11:token=t?pin-source=/p", "module-path")]
    [InlineData("pkcs11:token=t?module-path=/m", "pin-source")]
    [InlineData("pkcs11:model=o?module-path=/m&pin-source=/p", "names no token")]
    public void FromUri_Incomplete_SaysWhatIsMissing(string text, string missing)
    {
        var exception = Assert.Throws<HsmConfigurationException>(
            () => TokenOptions.FromUri(Pkcs11Uri.Parse(text), LibCrypto.VerifyEd25519));

        Assert.Contains(missing, exception.Message, StringComparison.Ordinal);
    }
}
