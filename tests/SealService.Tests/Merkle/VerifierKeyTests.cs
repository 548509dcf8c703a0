using System.Text;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class VerifierKeyTests
{
    [Fact]
    public void Ed25519_Rfc8032Vectors_Verify()
    {
        // RFC 8032 section 7.1, tests 1 and 2.
        AssertVerifies(
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
        AssertVerifies(
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");

        static void AssertVerifies(string publicKey, string message, string signature)
        {
            VerifierKey key = VerifierKey.CreateEd25519("rfc8032", Convert.FromHexString(publicKey));
            byte[] text = Convert.FromHexString(message);
            byte[] bytes = Convert.FromHexString(signature);
            Assert.True(key.Verify(text, bytes));
            for (int i = 0; i < bytes.Length; i++)
            {
                bytes[i] ^= 0x04;
                Assert.False(key.Verify(text, bytes));
                bytes[i] ^= 0x04;
            }

            Assert.False(key.Verify([.. text, 0], bytes));
            Assert.False(key.Verify(text, bytes.AsSpan(0, 63)));
            Assert.False(key.Verify(text, [.. bytes, 0]));
        }
    }

    [Fact]
    public void EcdsaP256_Note_VerifiesAndItsKeyRoundTrips()
    {
        TestSigner signer = TestSigner.EcdsaP256("seal.example/ecdsa");
        Assert.True(VerifierKey.TryParse(signer.Key.ToString(), out VerifierKey? key, out _));
        Assert.Equal(signer.Key, key);
        Assert.Equal(Sha256.HashData(key.PublicKey.Span).ToString()[..8], $"{key.KeyId:x8}");
        Assert.Equal(key.PublicKey.ToArray(), key.ToSubjectPublicKeyInfo());

        byte[] text = Encoding.UTF8.GetBytes("text\n");
        Assert.True(SignedNoteTests.Parse(signer.SignNote(text)).TryVerify([key], out _, out _));

        byte[] signature = signer.Sign(text);
        Assert.False(key.Verify("other\n"u8, signature));
        Random random = SeededRandom.Create();
        for (int i = 0; i < signature.Length; i++)
        {
            byte[] broken = [.. signature];
            broken[i] ^= (byte)random.Next(1, 256);
            Assert.False(key.Verify(text, broken));
            Assert.False(key.Verify(text, signature.AsSpan(0, i)));
        }
    }

    [Fact]
    public void ToSubjectPublicKeyInfo_Ed25519_IsThatOfRfc8410()
    {
        // RFC 8410 section 10.1.
        byte[] spki = Convert.FromBase64String("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        Assert.Equal(spki, VerifierKey.CreateEd25519("rfc8410", spki.AsSpan(12)).ToSubjectPublicKeyInfo());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("PeterNeumann")]
    [InlineData("PeterNeumann+c74f20a3")]
    [InlineData("PeterNeumann+c74f20a3+")]
    [InlineData("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")] // id
    [InlineData("PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")] // name
    [InlineData("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")] // upper case
    [InlineData("PeterNeumann+ c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T=")] // one byte less
    [InlineData("PeterNeumann+c74f20a3+CRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")] // type 0x09
    [InlineData("PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")] // not a SubjectPublicKeyInfo
    public void TryParse_MalformedVerifierKey_IsFalse(string? text)
    {
        Assert.False(VerifierKey.TryParse(text, out VerifierKey? key, out string? error));
        Assert.Null(key);
        Assert.NotEmpty(error);
    }

    [Fact]
    public void Create_MalformedKey_Throws()
    {
        Assert.Throws<ArgumentException>(() => VerifierKey.CreateEd25519("name", new byte[31]));
        Assert.Throws<ArgumentException>(() => VerifierKey.CreateEd25519("na me", new byte[32]));
        Assert.Throws<ArgumentException>(() => VerifierKey.CreateEd25519("na\u0001me", new byte[32]));
        Assert.Throws<ArgumentException>(() => VerifierKey.CreateEcdsaP256("name", new byte[91]));
        Assert.Throws<ArgumentException>(() => TestSigner.Ed25519("name").Key.CreateSignature(new byte[63]));
    }

    [Fact]
    public void Create_EcdsaKeyOfAnotherCurve_Throws()
    {
        using var p384 = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP384);
        Assert.Throws<ArgumentException>(() => VerifierKey.CreateEcdsaP256("name", p384.ExportSubjectPublicKeyInfo()));
    }
}
