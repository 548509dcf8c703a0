using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using SealService.Merkle;

namespace SealService.Benchmarks;

/// <summary>The formats: the entry that every document has, the note that every batch has.</summary>
public class FormatBenchmarks
{
    private readonly byte[] _entry = new byte[LogEntryCodec.WrittenBytesMax];
    private readonly byte[] _salt = new byte[LogEntry.SaltBytes];
    private readonly byte[] _digest = new byte[LogEntry.DigestBytes];
    private readonly SaltGenerator _salts = new();
    private long _saltNumber;
    private int _entryLength;
    private ECDsa? _ecdsa;
    private VerifierKey? _key;
    private byte[] _note = [];

    [GlobalSetup]
    public void Setup()
    {
        _entryLength = EncodeEntry();
        _ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _key = VerifierKey.CreateEcdsaP256("seal.test/benchmark", _ecdsa.ExportSubjectPublicKeyInfo());
        var text = FormatCheckpoint();
        var signature = _ecdsa.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        _note = SignedNote.Format(text, _key.CreateSignature(signature));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _ecdsa?.Dispose();
        _salts.Dispose();
    }

    [Benchmark]
    public int EncodeEntry() => LogEntryCodec.Write(
        new LogEntry { Kind = EntryKind.Document, Salt = _salt, SealedAtUnixMs = 1_790_000_000_000, DigestAlgorithm = DigestAlgorithm.Sha256, Digest = _digest, DocumentSizeBytes = 1024 },
        _entry);

    [Benchmark]
    public byte NextSalt() => _salts.GetSalt(_saltNumber++)[0];

    [Benchmark]
    public bool DecodeEntry() => LogEntryCodec.TryRead(_entry.AsSpan(0, _entryLength), out _, out _);

    [Benchmark]
    public byte[] FormatCheckpoint() => new Checkpoint("seal.test/benchmark", 10_000_000, MerkleHash.Read(_digest)).Format();

    [Benchmark]
    public bool ParseNote() => SignedNote.TryParse(_note, out _, out _);

    [Benchmark]
    public bool VerifyNote() => new ReceiptVerifier([_key!], rememberedCheckpointsMax: 1).TryVerify(_note, out _, out _);
}
