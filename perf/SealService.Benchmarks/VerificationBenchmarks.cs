using System.Buffers;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using SealService.Merkle;
using SealService.Services;

namespace SealService.Benchmarks;

/// <summary>
/// What <c>VerifyReceipts</c> does with a request that has arrived, beside hashing its document of 1 KiB alone: read, hash and check, with the
/// signature of the checkpoint verified before. Per receipt.
/// </summary>
public class VerificationBenchmarks
{
    private const int DocumentBytes = 1024;

    private readonly Sha256Incremental _hash = new();
    private ReadOnlySequence<byte>[] _documents = [];
    private ReadOnlySequence<byte>[] _requests = [];
    private ReceiptGroup? _group;

    /// <summary>The number of entries in the ledger, and of receipts: more than the first-level cache holds.</summary>
    private const int Entries = 512;

    [GlobalSetup]
    public void Setup()
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var key = VerifierKey.CreateEcdsaP256("seal.test/benchmark", ecdsa.ExportSubjectPublicKeyInfo());
        byte[][] documents = [.. Enumerable.Range(0, Entries).Select(_ => RandomNumberGenerator.GetBytes(DocumentBytes))];
        byte[][] entries = [.. documents.Select(EncodeEntry)];
        using var tree = new BatchTree(new CompactRange(), entries.Select(entry => TreeHasher.HashLeaf(entry)).ToArray());
        var text = new Checkpoint(key.Name, Entries, tree.RootHash).Format();
        var note = SignedNote.Format(text, key.CreateSignature(ecdsa.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)));
        _documents = [.. documents.Select(document => new ReadOnlySequence<byte>(document))];
        _requests = [.. documents.Select((document, i) => EncodeRequest(document, entries[i], i, tree, note))];
        _group = new ReceiptGroup(new ReceiptVerifier([key]));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _hash.Dispose();
        _group?.Dispose();
    }

    /// <summary>The documents hashed one after another, and nothing else.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Entries)]
    public void HashOnly()
    {
        foreach (ref readonly var document in _documents.AsSpan())
        {
            _hash.Append(document);
            _hash.Finish();
        }
    }

    /// <summary>Each receipt by itself.</summary>
    [Benchmark(OperationsPerInvoke = Entries)]
    public void OneByOne() => Verify(together: 1);

    /// <summary>Sixteen at a time, as they are when a client sends many.</summary>
    [Benchmark(OperationsPerInvoke = Entries)]
    public void SideBySide() => Verify(together: InclusionProofGroup.ProofsMax);

    private void Verify(int together)
    {
        foreach (ref readonly var request in _requests.AsSpan())
        {
            _group!.Add(request);
            if (_group.Count == together)
            {
                _group.Verify();
                if (!_group.GetAnswer(together - 1).Report.IsValid)
                {
                    throw new InvalidOperationException("A receipt is not valid.");
                }
            }
        }
    }

    private static byte[] EncodeEntry(byte[] document)
    {
        var bytes = new byte[LogEntryCodec.WrittenBytesMax];
        var length = LogEntryCodec.Write(
            new LogEntry
            {
                Kind = EntryKind.Document,
                Salt = RandomNumberGenerator.GetBytes(LogEntry.SaltBytes),
                SealedAtUnixMs = 1_790_000_000_000,
                DigestAlgorithm = DigestAlgorithm.Sha256,
                Digest = Sha256.HashData(document).AsSpan(),
                DocumentSizeBytes = DocumentBytes,
            },
            bytes);
        return bytes[..length];
    }

    private static ReadOnlySequence<byte> EncodeRequest(byte[] document, byte[] entry, int index, BatchTree tree, byte[] note)
    {
        var proof = new MerkleHash[InclusionProof.HashCountMax];
        var hashes = tree.WriteInclusionProof(index, proof);
        var receipt = new Seal.V1.Receipt { Entry = ByteString.CopyFrom(entry), Index = index, Checkpoint = ByteString.CopyFrom(note) };
        receipt.InclusionProof.Add(proof[..hashes].Select(hash => ByteString.CopyFrom(hash.AsSpan())));
        var request = new Seal.V1.VerifyReceiptsRequest { Ref = (ulong)index, Receipt = receipt, Document = ByteString.CopyFrom(document) };
        return new ReadOnlySequence<byte>(request.ToByteArray());
    }
}
