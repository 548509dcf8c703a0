using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Benchmarks;

/// <summary>A ledger in a folder of its own, signed in software.</summary>
internal sealed class BenchmarkLedger : IAsyncDisposable
{
    private const string Origin = "seal.test/benchmark";

    private readonly string _folder;
    private readonly ECDsa _key;

    private BenchmarkLedger(string folder, ECDsa key, SealLedger ledger)
    {
        _folder = folder;
        _key = key;
        Ledger = ledger;
    }

    public SealLedger Ledger { get; }

    /// <param name="onDisk">Records go to FasterLog, not to memory.</param>
    public static async Task<BenchmarkLedger> OpenAsync(bool onDisk)
    {
        var folder = Directory.CreateTempSubdirectory("seal-benchmark-").FullName;
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var ledger = await SealLedger.OpenAsync(
            new LedgerOptions { Folder = folder, Origin = Origin },
            onDisk ? FasterLogStorage.Open(folder, new FasterLogStorageOptions(), NullLoggerFactory.Instance) : new MemoryLedgerStorage(),
            VerifierKey.CreateEcdsaP256(Origin, key.ExportSubjectPublicKeyInfo()),
            (text, _) => ValueTask.FromResult(key.SignData(text.Span, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)),
            TimeProvider.System,
            NullLoggerFactory.Instance,
            CancellationToken.None);
        return new BenchmarkLedger(folder, key, ledger);
    }

    public async ValueTask DisposeAsync()
    {
        await Ledger.DisposeAsync();
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
