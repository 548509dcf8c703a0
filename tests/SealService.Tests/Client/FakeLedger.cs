using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using SealService.Merkle;
using Wire = Seal.V1;

namespace SealService.Tests.Client;

/// <summary>
/// A ledger in memory that signs with a key of its own: what a client needs to have something real to verify. It can be
/// told to lie. Safe for concurrent use.
/// </summary>
internal sealed class FakeLedger
{
    private readonly Lock _lock = new();
    private readonly ECDsa _key;
    private readonly List<byte[]> _entries = [];
    private readonly Dictionary<string, (long Index, MerkleHash Digest)> _byIdempotencyKey = new(StringComparer.Ordinal);

    public FakeLedger(string origin = "seal.example/fake")
        : this(origin, ECDsa.Create(ECCurve.NamedCurves.nistP256))
    {
    }

    private FakeLedger(string origin, ECDsa key)
    {
        _key = key;
        Origin = origin;
        Key = VerifierKey.CreateEcdsaP256(origin, _key.ExportSubjectPublicKeyInfo());
    }

    public string Origin { get; }

    public VerifierKey Key { get; }

    /// <summary>Changes compact answers on their way out.</summary>
    public Action<Wire.CompactReceipts>? Tamper { get; set; }

    public long TreeSize
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    public byte[] this[long index]
    {
        get
        {
            lock (_lock)
            {
                return _entries[(int)index];
            }
        }
    }

    /// <summary>An empty ledger with this one's origin and key: another history, as honest by its signatures.</summary>
    public FakeLedger Fork() => new(Origin, _key);

    /// <summary>The entry of a key that was used before; null when it is new. A key with another digest is a conflict.</summary>
    public (long Index, bool IsConflict)? FindKey(string idempotencyKey, MerkleHash digest)
    {
        lock (_lock)
        {
            return _byIdempotencyKey.TryGetValue(idempotencyKey, out var found) ? (found.Index, found.Digest != digest) : null;
        }
    }

    /// <summary>Seals documents as one batch that has other entries left and right of them.</summary>
    public Wire.CompactReceipts Seal(IReadOnlyList<(ulong Reference, SubmittedDocument Document)> documents)
    {
        lock (_lock)
        {
            using var salts = new SaltGenerator();
            AddFiller();
            var first = _entries.Count;
            var answer = new Wire.CompactReceipts
            {
                FirstIndex = first,
                SaltKey = ByteString.CopyFrom(salts.GetKey()),
                SealedAtUnixMs = 1_700_000_000_000,
            };
            for (var i = 0; i < documents.Count; i++)
            {
                var (reference, document) = documents[i];
                _entries.Add(document.ToEntry(salts.GetSalt(i), answer.SealedAtUnixMs + i));
                answer.SealedAtOffsetsMs.Add((uint)i);
                answer.Refs.Add(reference);
                if (!string.IsNullOrEmpty(document.IdempotencyKey))
                {
                    _byIdempotencyKey.Add(document.IdempotencyKey, (first + i, document.Digest));
                }
            }

            var end = _entries.Count;
            AddFiller();
            var leaves = LeafHashes(_entries.Count);
            answer.LeafHashes = ByteString.CopyFrom(MerkleHash.AsBytes(leaves.AsSpan(first, documents.Count)));
            answer.LeftRange = RangeBytes(leaves, 0, first);
            answer.RightRange = RangeBytes(leaves, end, leaves.Length);
            answer.Checkpoint = ByteString.CopyFrom(SignedNoteOf(leaves));
            Tamper?.Invoke(answer);
            return answer;
        }
    }

    public Wire.Receipt GetReceipt(long index)
    {
        lock (_lock)
        {
            var leaves = LeafHashes(_entries.Count);
            var receipt = new Wire.Receipt
            {
                Entry = ByteString.CopyFrom(_entries[(int)index]),
                Index = index,
                Checkpoint = ByteString.CopyFrom(SignedNoteOf(leaves)),
            };
            receipt.InclusionProof.AddRange(Roots(leaves, InclusionProof.GetSubtrees(index, leaves.Length)));
            return receipt;
        }
    }

    public byte[] GetCheckpoint()
    {
        lock (_lock)
        {
            return SignedNoteOf(LeafHashes(_entries.Count));
        }
    }

    public MerkleHash GetRoot(long size)
    {
        lock (_lock)
        {
            return RootOf(LeafHashes(size));
        }
    }

    public IEnumerable<ByteString> GetInclusionProof(long index, long size)
    {
        lock (_lock)
        {
            return [.. Roots(LeafHashes(size), InclusionProof.GetSubtrees(index, size))];
        }
    }

    public IEnumerable<ByteString> GetConsistencyProof(long first, long second)
    {
        lock (_lock)
        {
            return [.. Roots(LeafHashes(second), ConsistencyProof.GetSubtrees(first, second))];
        }
    }

    private MerkleHash[] LeafHashes(long size) => [.. _entries.Take((int)size).Select(entry => TreeHasher.HashLeaf(entry))];

    private byte[] SignedNoteOf(MerkleHash[] leaves)
    {
        var text = new Checkpoint(Origin, leaves.Length, RootOf(leaves)).Format();
        return SignedNote.Format(text, Key.CreateSignature(_key.SignData(text, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)));
    }

    /// <summary>What another stream sealed in the same batch.</summary>
    private void AddFiller() => _entries.Add(new SubmittedDocument
    {
        Kind = EntryKind.Digest,
        Digest = Sha256.HashData(Encoding.UTF8.GetBytes($"filler {_entries.Count}")),
        SizeBytes = 0,
    }.ToEntry(new byte[SaltGenerator.SaltBytes], 1_700_000_000_000));

    private static MerkleHash RootOf(ReadOnlySpan<MerkleHash> leaves)
    {
        var range = new CompactRange();
        range.Append(leaves);
        return range.GetRootHash();
    }

    private static ByteString RangeBytes(MerkleHash[] leaves, int begin, int end)
    {
        var range = new CompactRange(begin);
        range.Append(leaves.AsSpan(begin, end - begin));
        return ByteString.CopyFrom(MerkleHash.AsBytes(range.Hashes));
    }

    private static IEnumerable<ByteString> Roots(MerkleHash[] leaves, IEnumerable<Subtree> subtrees) =>
        subtrees.Select(subtree => ByteString.CopyFrom(RootOf(leaves.AsSpan((int)subtree.Begin, (int)(subtree.End - subtree.Begin))).AsSpan()));
}
