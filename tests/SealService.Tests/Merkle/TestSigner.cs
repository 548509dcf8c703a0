using System.Runtime.InteropServices;
using System.Security.Cryptography;
using SealService.Merkle;

namespace SealService.Tests.Merkle;

/// <summary>A log's private key, for tests: Ed25519 of a seed by libcrypto, or ECDSA P-256 by .NET.</summary>
internal sealed partial class TestSigner
{
    private const int EvpPkeyEd25519 = 1087;

    private readonly Func<byte[], byte[]> _sign;

    private TestSigner(VerifierKey key, Func<byte[], byte[]> sign)
    {
        Key = key;
        _sign = sign;
    }

    public VerifierKey Key { get; }

    public static TestSigner Ed25519(string name, byte[] seed)
    {
        var publicKey = new byte[32];
        nint key = EVP_PKEY_new_raw_private_key(EvpPkeyEd25519, 0, seed, (nuint)seed.Length);
        nuint length = (nuint)publicKey.Length;
        Check(EVP_PKEY_get_raw_public_key(key, publicKey, ref length));
        EVP_PKEY_free(key);
        return new TestSigner(VerifierKey.CreateEd25519(name, publicKey), text => SignEd25519(seed, text));
    }

    public static TestSigner Ed25519(string name) => Ed25519(name, SHA256.HashData("a seed for tests"u8));

    public static TestSigner EcdsaP256(string name)
    {
        var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new TestSigner(
            VerifierKey.CreateEcdsaP256(name, ecdsa.ExportSubjectPublicKeyInfo()),
            text => ecdsa.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
    }

    public byte[] Sign(byte[] text) => _sign(text);

    public byte[] SignNote(byte[] text) => SignedNote.Format(text, Key.CreateSignature(Sign(text)));

    public byte[] SignCheckpoint(long treeSize, MerkleHash rootHash) => SignNote(new Checkpoint(Key.Name, treeSize, rootHash).Format());

    private static byte[] SignEd25519(byte[] seed, byte[] text)
    {
        nint key = EVP_PKEY_new_raw_private_key(EvpPkeyEd25519, 0, seed, (nuint)seed.Length);
        nint context = EVP_MD_CTX_new();
        var signature = new byte[64];
        nuint length = (nuint)signature.Length;
        Check(EVP_DigestSignInit(context, 0, 0, 0, key));
        Check(EVP_DigestSign(context, signature, ref length, text, (nuint)text.Length));
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(key);
        return signature;
    }

    private static void Check(int ok)
    {
        if (ok != 1)
        {
            throw new CryptographicException("libcrypto failed.");
        }
    }

    private const string Libcrypto = "libcrypto.so.3";

    [LibraryImport(Libcrypto)]
    private static partial nint EVP_PKEY_new_raw_private_key(int type, nint engine, byte[] key, nuint length);

    [LibraryImport(Libcrypto)]
    private static partial int EVP_PKEY_get_raw_public_key(nint key, byte[] publicKey, ref nuint length);

    [LibraryImport(Libcrypto)]
    private static partial void EVP_PKEY_free(nint key);

    [LibraryImport(Libcrypto)]
    private static partial nint EVP_MD_CTX_new();

    [LibraryImport(Libcrypto)]
    private static partial void EVP_MD_CTX_free(nint context);

    [LibraryImport(Libcrypto)]
    private static partial int EVP_DigestSignInit(nint context, nint keyContext, nint type, nint engine, nint key);

    [LibraryImport(Libcrypto)]
    private static partial int EVP_DigestSign(nint context, byte[] signature, ref nuint signatureLength, byte[] data, nuint length);
}
