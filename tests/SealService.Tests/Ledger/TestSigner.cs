using System.Security.Cryptography;
using SealService.Merkle;

namespace SealService.Tests.Ledger;

/// <summary>A ledger's key in software, with the faults of an HSM on demand.</summary>
internal sealed class TestSigner : IDisposable
{
    private readonly ECDsa _ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _signatures;

    public TestSigner(string origin) => Key = VerifierKey.CreateEcdsaP256(origin, _ecdsa.ExportSubjectPublicKeyInfo());

    public VerifierKey Key { get; }

    public int Signatures => _signatures;

    /// <summary>Awaited before each signature.</summary>
    public Func<CancellationToken, Task>? Before { get; set; }

    /// <summary>The next signature throws.</summary>
    public bool FailNext { get; set; }

    /// <summary>The next signature is over something else.</summary>
    public bool CorruptNext { get; set; }

    public async ValueTask<byte[]> SignAsync(ReadOnlyMemory<byte> text, CancellationToken cancellationToken)
    {
        if (Before is { } before)
        {
            await before(cancellationToken);
        }

        if (FailNext)
        {
            FailNext = false;
            throw new InvalidOperationException("The HSM does not answer.");
        }

        byte[] signed = text.ToArray();
        if (CorruptNext)
        {
            CorruptNext = false;
            signed[0] ^= 1;
        }

        Interlocked.Increment(ref _signatures);
        return _ecdsa.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    public void Dispose() => _ecdsa.Dispose();
}
