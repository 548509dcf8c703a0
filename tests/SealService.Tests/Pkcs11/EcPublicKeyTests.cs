using System.Security.Cryptography;
using SealService.Pkcs11;
using Xunit;

namespace SealService.Tests.Pkcs11;

public sealed class EcPublicKeyTests
{
    private static readonly byte[] Edwards25519Name = [0x13, 0x0C, .. "edwards25519"u8];
    private static readonly byte[] Ed25519Oid = Convert.FromHexString("06032B6570");
    private static readonly byte[] P256Oid = Convert.FromHexString("06082A8648CE3D030107");

    // RFC 8410 section 10.1.
    private static readonly byte[] Ed25519Spki = Convert.FromBase64String("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");

    [Fact]
    public void TryRead_Ed25519_AcceptsBothNamesAndBothFormsOfThePoint()
    {
        byte[] point = Ed25519Spki[^32..];
        foreach (byte[] parameters in (byte[][])[Edwards25519Name, Ed25519Oid])
        {
            foreach (byte[] form in (byte[][])[point, [0x04, 0x20, .. point]])
            {
                EcPublicKey? key = EcPublicKey.TryRead(parameters, form);

                Assert.NotNull(key);
                Assert.Equal(KeyAlgorithm.Ed25519, key.Algorithm);
                Assert.Equal(point, key.Point);
                Assert.Equal(Ed25519Spki, key.ToSubjectPublicKeyInfo());
            }
        }
    }

    [Fact]
    public void TryRead_P256_GivesTheSubjectPublicKeyInfoOfDotNet()
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        byte[] spki = ecdsa.ExportSubjectPublicKeyInfo();
        byte[] point = spki[^65..];
        foreach (byte[] form in (byte[][])[point, [0x04, 0x41, .. point]])
        {
            EcPublicKey? key = EcPublicKey.TryRead(P256Oid, form);

            Assert.NotNull(key);
            Assert.Equal(KeyAlgorithm.EcdsaP256, key.Algorithm);
            Assert.Equal(spki, key.ToSubjectPublicKeyInfo());
            Assert.True(EcPublicKey.TryReadSubjectPublicKeyInfo(spki)!.Matches(key));
        }
    }

    [Theory]
    [InlineData("06052B81040022", 97)] // P-384
    [InlineData("06032B656E", 32)] // X25519
    [InlineData("06032B6570", 31)]
    [InlineData("06032B6570", 34)] // the length of an OCTET STRING, but it is not one
    [InlineData("06082A8648CE3D030107", 33)] // a compressed point
    [InlineData("06082A8648CE3D030107", 65)] // not begun by 04
    [InlineData("", 0)]
    public void TryRead_AnotherKey_IsNull(string parameters, int pointBytes) =>
        Assert.Null(EcPublicKey.TryRead(Convert.FromHexString(parameters), new byte[pointBytes]));

    [Fact]
    public void TryRead_RandomBytes_NeverThrows()
    {
        int seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] point = new byte[random.Next(70)];
            random.NextBytes(point);
            byte[] parameters = (i % 4) switch { 0 => Ed25519Oid, 1 => P256Oid, 2 => Edwards25519Name, _ => point };
            _ = EcPublicKey.TryRead(parameters, point)?.Verify("m"u8, point, (_, _, _) => false);
            Assert.Null(EcPublicKey.TryReadSubjectPublicKeyInfo(point));
        }
    }

    // Integers of DER are minimal, and positive: a high bit wants a zero before it.
    [Theory]
    [InlineData("01", "02", "3006020101020102")]
    [InlineData("80", "FF", "300802020080020200FF")]
    [InlineData("7F", "0100", "300702017F02020100")]
    [InlineData("00", "00", "3006020100020100")]
    public void EncodeSignature_P256_IsDer(string r, string s, string der)
    {
        var key = new EcPublicKey(KeyAlgorithm.EcdsaP256, new byte[65]);
        byte[] raw = Convert.FromHexString(r.PadLeft(64, '0') + s.PadLeft(64, '0'));

        Assert.Equal(der, Convert.ToHexString(key.EncodeSignature(raw)));
    }

    [Fact]
    public void EncodeSignature_Ed25519_IsAsItIs()
    {
        byte[] raw = [.. Enumerable.Range(0, 64).Select(i => (byte)i)];

        Assert.Equal(raw, new EcPublicKey(KeyAlgorithm.Ed25519, new byte[32]).EncodeSignature(raw));
    }
}
