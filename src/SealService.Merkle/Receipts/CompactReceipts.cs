using System.Diagnostics.CodeAnalysis;

namespace SealService.Merkle;

/// <summary>
/// The receipts of all entries that one stream has in one batch, in the fewest bytes: <c>seal.v1.CompactReceipts</c>. Entry i (from 0)
/// has index <see cref="FirstIndex"/> + i, and with n entries the tree is
/// <code>
///   [0, FirstIndex)                LeftRange     roots of the perfect subtrees, from left to right
///   [FirstIndex, FirstIndex + n)   LeafHashes
///   [FirstIndex + n, tree size)    RightRange    roots of the perfect subtrees, from left to right
/// </code>
/// Any values can be set: what is wrong with them is the answer of the Try methods. About one hash an entry is computed at the
/// first use, and each receipt then costs O(log n) copies. What is set is kept, not copied: it must stay as it is.
/// Safe for use by several threads, but for <see cref="Dispose"/>.
/// </summary>
public sealed class CompactReceipts : IDisposable
{
    private readonly Lock _lock = new();

    // Guarded by _lock until set; then read only.
    private BatchTree? _tree;
    private Checkpoint? _head;
    private byte[]? _salts;
    private bool _isDisposed;

    /// <summary>The signed note of the head, verbatim.</summary>
    public required ReadOnlyMemory<byte> Checkpoint { get; init; }

    /// <summary>The index of the first entry.</summary>
    public required long FirstIndex { get; init; }

    /// <summary>n leaf hashes of 32 bytes.</summary>
    public required ReadOnlyMemory<byte> LeafHashes { get; init; }

    /// <summary>The compact range [0, first index), 32 bytes a subtree.</summary>
    public required ReadOnlyMemory<byte> LeftRange { get; init; }

    /// <summary>The compact range [first index + n, tree size), 32 bytes a subtree.</summary>
    public required ReadOnlyMemory<byte> RightRange { get; init; }

    /// <summary>The key of the entries' salts: 16 bytes (<see cref="SaltGenerator"/>).</summary>
    public required ReadOnlyMemory<byte> SaltKey { get; init; }

    /// <summary>The first entry's time.</summary>
    public required long SealedAtUnixMs { get; init; }

    /// <summary>Milliseconds to add to <see cref="SealedAtUnixMs"/>, one an entry, or empty when all are zero.</summary>
    public ReadOnlyMemory<uint> SealedAtOffsetsMs { get; init; }

    /// <summary>The number of entries, n.</summary>
    public int Count => LeafHashes.Length / MerkleHash.Size;

    /// <summary>
    /// Whether the hashes are a part of the tree of <paramref name="head"/>, a checkpoint that the caller trusts, and that
    /// checkpoint is the one here.
    /// </summary>
    public bool TryVerify(Checkpoint head, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (!TryPrepare(out _, out Checkpoint? own, out error))
        {
            return false;
        }

        error = own == head ? null : "the checkpoint is not the one that was verified";
        return error is null;
    }

    /// <summary>
    /// The full receipt of entry <paramref name="i"/>, made from what the caller sent. False, and why, when the hashes do not lead to the
    /// checkpoint's root, or when the server sealed something else than was sent. The checkpoint's signature is not verified here.
    /// </summary>
    public bool TryExpand(
        int i, in SubmittedDocument document, [NotNullWhen(true)] out Receipt? receipt, [NotNullWhen(false)] out string? error)
    {
        receipt = null;
        if (!TryPrepare(out BatchTree? tree, out _, out error))
        {
            return false;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(i);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, Count);
        ReadOnlySpan<byte> salt = GetSalts().AsSpan(i * SaltGenerator.SaltBytes, SaltGenerator.SaltBytes);
        long sealedAtUnixMs = SealedAtUnixMs + (SealedAtOffsetsMs.IsEmpty ? 0 : SealedAtOffsetsMs.Span[i]);
        return TryCreateReceipt(i, document.ToEntry(salt, sealedAtUnixMs), tree, out receipt, out error);
    }

    /// <summary>
    /// The full receipt of entry <paramref name="i"/>, whose bytes the caller has. False, and why, as for <see cref="TryExpand"/>.
    /// </summary>
    public bool TryGetReceipt(
        int i, ReadOnlyMemory<byte> entry, [NotNullWhen(true)] out Receipt? receipt, [NotNullWhen(false)] out string? error)
    {
        receipt = null;
        if (!TryPrepare(out BatchTree? tree, out _, out error))
        {
            return false;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(i);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, Count);
        return TryCreateReceipt(i, entry, tree, out receipt, out error);
    }

    /// <summary>Gives pooled memory back. A call that is missed costs the pool an array, no more.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _tree?.Dispose();
        }
    }

    private bool TryCreateReceipt(
        int i, ReadOnlyMemory<byte> entry, BatchTree tree, [NotNullWhen(true)] out Receipt? receipt, [NotNullWhen(false)] out string? error)
    {
        receipt = null;
        if (TreeHasher.HashLeaf(entry.Span) != MerkleHash.Cast(LeafHashes.Span)[i])
        {
            error = $"the leaf hash of entry {i} differs: the server sealed something else than was sent";
            return false;
        }

        long index = FirstIndex + i;
        var proof = new MerkleHash[tree.GetInclusionProofHashCount(index)];
        tree.WriteInclusionProof(index, proof);
        receipt = new Receipt(entry, index, proof, Checkpoint);
        error = null;
        return true;
    }

    private bool TryPrepare(
        [NotNullWhen(true)] out BatchTree? tree, [NotNullWhen(true)] out Checkpoint? head, [NotNullWhen(false)] out string? error)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_tree is null && !TryBuildTree(out error))
            {
                tree = null;
                head = null;
                return false;
            }

            tree = _tree!;
            head = _head!;
            error = null;
            return true;
        }
    }

    // The caller holds _lock.
    private bool TryBuildTree([NotNullWhen(false)] out string? error)
    {
        if (!Merkle.Checkpoint.TryParseNote(Checkpoint, out _, out Checkpoint? head, out error)
            || !TryReadRanges(head.TreeSize, out CompactRange? left, out CompactRange? right, out error))
        {
            return false;
        }

        var tree = new BatchTree(left, MerkleHash.Cast(LeafHashes.Span), right);
        if (tree.RootHash != head.RootHash)
        {
            tree.Dispose();
            error = "the hashes do not lead to the checkpoint's root hash";
            return false;
        }

        _tree = tree;
        _head = head;
        error = null;
        return true;
    }

    private bool TryReadRanges(
        long treeSize,
        [NotNullWhen(true)] out CompactRange? left,
        [NotNullWhen(true)] out CompactRange? right,
        [NotNullWhen(false)] out string? error)
    {
        left = null;
        right = null;
        if (LeafHashes.IsEmpty || LeafHashes.Length % MerkleHash.Size != 0)
        {
            error = $"the leaf hashes have {LeafHashes.Length} bytes, not 32 for each of at least one";
        }
        else if (FirstIndex < 0 || FirstIndex > treeSize - Count)
        {
            error = $"entries {FirstIndex} to {FirstIndex} + {Count - 1} are not in a tree of {treeSize} leaves";
        }
        else if (!CompactRange.TryRead(0, FirstIndex, LeftRange.Span, out left))
        {
            error = $"the left range has {LeftRange.Length} bytes, not 32 for each subtree of [0, {FirstIndex})";
        }
        else if (!CompactRange.TryRead(FirstIndex + Count, treeSize, RightRange.Span, out right))
        {
            error = $"the right range has {RightRange.Length} bytes, not 32 for each subtree of [{FirstIndex + Count}, {treeSize})";
        }
        else if (SaltKey.Length != SaltGenerator.KeyBytes)
        {
            error = $"the salt key has {SaltKey.Length} bytes, not {SaltGenerator.KeyBytes}";
        }
        else if (!SealedAtOffsetsMs.IsEmpty && SealedAtOffsetsMs.Length != Count)
        {
            error = $"there are {SealedAtOffsetsMs.Length} time offsets for {Count} entries";
        }
        else
        {
            error = null;
        }

        return error is null;
    }

    private byte[] GetSalts()
    {
        lock (_lock)
        {
            if (_salts is null)
            {
                var salts = new byte[Count * SaltGenerator.SaltBytes];
                using var generator = new SaltGenerator(SaltKey.Span);
                generator.Generate(0, salts);
                _salts = salts;
            }

            return _salts;
        }
    }
}
