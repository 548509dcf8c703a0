using System.Text;
using SealService.Merkle;

namespace SealService.Tests.Merkle;

/// <summary>A ledger of documents with a signed head, as the server would make it, and the compact receipts of any run of them.</summary>
internal sealed class SealedSample
{
    private readonly byte[][] _entries;
    private readonly MerkleHash[] _leafHashes;

    public SealedSample(int size, int first = 0, int? count = null, TestSigner? signer = null)
    {
        Signer = signer ?? TestSigner.Ed25519("seal.example/sample");
        First = first;
        Count = count ?? size - first;
        using var salts = new SaltGenerator(SaltKey);
        _entries = [.. Enumerable.Range(0, size).Select(i => Document(i).ToEntry(salts.GetSalt(Math.Max(0, i - first)), SealedAt(i)))];
        _leafHashes = [.. _entries.Select(entry => TreeHasher.HashLeaf(entry))];
        Note = Signer.SignCheckpoint(size, Range(0, size).GetRootHash());
    }

    public static byte[] SaltKey { get; } = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    public TestSigner Signer { get; }

    public int First { get; }

    public int Count { get; }

    public byte[] Note { get; }

    public int Size => _entries.Length;

    public ReceiptVerifier Verifier => new([Signer.Key]);

    public static byte[] Content(int i) => Encoding.UTF8.GetBytes($"document {i}");

    // Every combination of the optional fields.
    public static SubmittedDocument Document(int i) => new()
    {
        Kind = i % 5 == 0 ? EntryKind.Digest : EntryKind.Document,
        Digest = Sha256.HashData(Content(i)),
        SizeBytes = i % 10 == 0 ? 0 : Content(i).Length,
        DocumentId = i % 2 == 0 ? $"doc-{i}-ü" : null,
        IdempotencyKey = i % 3 == 0 ? $"key-{i}" : "",
        MetadataCommitment = i % 4 == 0 ? Sha256.HashData(BitConverter.GetBytes(i)).ToArray() : default,
    };

    /// <summary>The full receipt of an entry, with a proof by the recursive definition.</summary>
    public Receipt Receipt(int index)
    {
        var tree = new RecursiveTree(_entries);
        return new Receipt(_entries[index], index, tree.Hashes(RecursiveTree.Path(index, Size)), Note);
    }

    public CompactReceipts Compact() => new()
    {
        Checkpoint = Note,
        FirstIndex = First,
        LeafHashes = MerkleHash.AsBytes(_leafHashes.AsSpan(First, Count)).ToArray(),
        LeftRange = MerkleHash.AsBytes(Range(0, First).Hashes).ToArray(),
        RightRange = MerkleHash.AsBytes(Range(First + Count, Size).Hashes).ToArray(),
        SaltKey = SaltKey,
        SealedAtUnixMs = SealedAt(First),
        SealedAtOffsetsMs = Enumerable.Range(First, Count).Select(i => (uint)(SealedAt(i) - SealedAt(First))).ToArray(),
    };

    private static long SealedAt(int i) => 1_790_000_000_000 + (i / 3);

    private CompactRange Range(int begin, int end)
    {
        var range = new CompactRange(begin);
        range.Append(_leafHashes.AsSpan(begin, end - begin));
        return range;
    }
}
