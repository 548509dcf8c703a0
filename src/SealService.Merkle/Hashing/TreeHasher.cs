using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using SealService.Merkle.Interop;
using static SealService.Merkle.Interop.LibcryptoSha;

namespace SealService.Merkle;

/// <summary>The hashes of the tree (RFC 9162 section 2.1.1): leaf = H(0x00 || entry), node = H(0x01 || left || right).</summary>
public static class TreeHasher
{
    private const byte LeafPrefix = 0x00;
    private const byte NodePrefix = 0x01;
    private const int PairSize = 2 * MerkleHash.Size;
    private const int EntryPrefixBytes = sizeof(ushort);

    // Contexts that have taken in the prefix already: copying one costs less than two calls.
    private static readonly SHA256_CTX LeafStart = Start(LeafPrefix);
    private static readonly SHA256_CTX NodeStart = Start(NodePrefix);

    /// <summary>The root of the tree without leaves: SHA-256 of nothing.</summary>
    public static MerkleHash EmptyRoot { get; } = Sha256.HashData([]);

    /// <summary>The leaf hash of an entry.</summary>
    [SkipLocalsInit]
    public static unsafe MerkleHash HashLeaf(ReadOnlySpan<byte> entry)
    {
        if (!LibcryptoSha.IsAvailable)
        {
            return HashPrefixed(LeafPrefix, entry);
        }

        MerkleHash hash;
        SHA256_CTX context = LeafStart;
        fixed (byte* input = entry)
        {
            Sha256.Update(&context, input, entry.Length);
        }

        Sha256.ThrowUnless(SHA256_Final((byte*)&hash, &context));
        return hash;
    }

    /// <summary>
    /// The leaf hashes of the first entries of a bundle, as many as there is room for. A bundle is (u16 length, big-endian; bytes)
    /// repeated: C2SP tlog-tiles, "Log entries".
    /// </summary>
    /// <exception cref="ArgumentException">The bundle ends before.</exception>
    [SkipLocalsInit]
    public static unsafe void HashLeaves(ReadOnlySpan<byte> bundle, Span<MerkleHash> hashes)
    {
        byte* slots = stackalloc byte[ShortMessageLanes.SlotsBytes];
        ShortMessageLanes lanes = new(slots);
        while (ShortMessageLanes.Pay(hashes.Length))
        {
            int count = Math.Min(hashes.Length, Sha256Lanes.Count);
            int added = 0;
            ReadOnlySpan<byte> rest = bundle;
            while (added < count && PeekEntry(rest) is { Length: <= ShortMessageLanes.MessageBytesMax } entry)
            {
                lanes.Add(LeafPrefix, entry);
                rest = rest[(EntryPrefixBytes + entry.Length)..];
                added++;
            }

            lanes.Finish(hashes);
            hashes = hashes[added..];
            bundle = rest;
            if (added < count)
            {
                HashFirstLeaf(ref bundle, ref hashes); // it has no slot
            }
        }

        while (!hashes.IsEmpty)
        {
            HashFirstLeaf(ref bundle, ref hashes);
        }
    }

    /// <summary>The leaf hashes of entries that lie apart.</summary>
    /// <exception cref="ArgumentException">There are fewer hashes than entries.</exception>
    [SkipLocalsInit]
    public static unsafe void HashLeaves(ReadOnlySpan<ReadOnlyMemory<byte>> entries, Span<MerkleHash> hashes)
    {
        if (hashes.Length < entries.Length)
        {
            throw new ArgumentException("Each entry has a hash.", nameof(hashes));
        }

        byte* slots = stackalloc byte[ShortMessageLanes.SlotsBytes];
        ShortMessageLanes lanes = new(slots);
        int hashed = 0;
        while (ShortMessageLanes.Pay(entries.Length - hashed))
        {
            int added = 0;
            foreach (ReadOnlyMemory<byte> entry in entries[hashed..Math.Min(hashed + Sha256Lanes.Count, entries.Length)])
            {
                if (entry.Length > ShortMessageLanes.MessageBytesMax)
                {
                    break;
                }

                lanes.Add(LeafPrefix, entry.Span);
                added++;
            }

            lanes.Finish(hashes[hashed..]);
            hashed += added;
            if (added < Sha256Lanes.Count && hashed < entries.Length)
            {
                hashes[hashed] = HashLeaf(entries[hashed++].Span); // it has no slot
            }
        }

        for (; hashed < entries.Length; hashed++)
        {
            hashes[hashed] = HashLeaf(entries[hashed].Span);
        }
    }

    /// <summary>The hash of an inner node.</summary>
    [SkipLocalsInit]
    public static unsafe MerkleHash HashChildren(in MerkleHash left, in MerkleHash right)
    {
        MerkleHash* pair = stackalloc MerkleHash[2] { left, right };
        MerkleHash parent;
        HashPairs(new ReadOnlySpan<MerkleHash>(pair, 2), new Span<MerkleHash>(&parent, 1));
        return parent;
    }

    /// <summary>
    /// The parents of consecutive nodes: <c>parents[i] = H(0x01 || children[2i] || children[2i + 1])</c>.
    /// </summary>
    /// <exception cref="ArgumentException">There are not two children a parent.</exception>
    public static void HashPairs(ReadOnlySpan<MerkleHash> children, Span<MerkleHash> parents)
    {
        if (children.Length != 2 * (long)parents.Length)
        {
            throw new ArgumentException("Each parent has two children.", nameof(children));
        }

        int hashed = HashPairsSideBySide(children, parents);
        HashPairsOneByOne(children[(2 * hashed)..], parents[hashed..]);
    }

    /// <summary>
    /// The root of the tree, or of the subtree on its right edge, whose perfect subtrees these are, from left to right, each
    /// smaller than the one before: H(01 || s₀ || H(01 || s₁ || …)). Of no subtrees: <see cref="EmptyRoot"/>.
    /// </summary>
    public static MerkleHash HashRightEdge(ReadOnlySpan<MerkleHash> subtrees)
    {
        if (subtrees.IsEmpty)
        {
            return EmptyRoot;
        }

        MerkleHash root = subtrees[^1];
        for (int i = subtrees.Length - 2; i >= 0; i--)
        {
            root = HashChildren(subtrees[i], root);
        }

        return root;
    }

    // As many as pay.
    [SkipLocalsInit]
    private static unsafe int HashPairsSideBySide(ReadOnlySpan<MerkleHash> children, Span<MerkleHash> parents)
    {
        int hashed = 0;
        fixed (MerkleHash* inputs = children, outputs = parents)
        {
            for (; parents.Length - hashed >= Sha256Lanes.Count && Sha256Lanes.IsSupported; hashed += Sha256Lanes.Count)
            {
                Sha256Lanes.HashAfter(NodePrefix, (byte*)(inputs + (2 * hashed)), outputs + hashed);
            }
        }

        int left = parents.Length - hashed;
        if (ShortMessageLanes.Pay(left))
        {
            MerkleHash* inputs = stackalloc MerkleHash[2 * Sha256Lanes.Count]; // what lies behind them is hashed as well
            MerkleHash* outputs = stackalloc MerkleHash[Sha256Lanes.Count];
            children[(2 * hashed)..].CopyTo(new Span<MerkleHash>(inputs, 2 * left));
            Sha256Lanes.HashAfter(NodePrefix, (byte*)inputs, outputs);
            new ReadOnlySpan<MerkleHash>(outputs, left).CopyTo(parents[hashed..]);
            hashed = parents.Length;
        }

        return hashed;
    }

    private static unsafe void HashPairsOneByOne(ReadOnlySpan<MerkleHash> children, Span<MerkleHash> parents)
    {
        if (!LibcryptoSha.IsAvailable)
        {
            for (int i = 0; i < parents.Length; i++)
            {
                parents[i] = HashPrefixed(NodePrefix, MerkleHash.AsBytes(children.Slice(2 * i, 2)));
            }

            return;
        }

        SHA256_CTX context;
        fixed (MerkleHash* inputs = children, outputs = parents)
        {
            byte* input = (byte*)inputs;
            for (int i = 0; i < parents.Length; i++, input += PairSize)
            {
                context = NodeStart;
                Sha256.ThrowUnless(SHA256_Update_WithoutTransition(&context, input, PairSize));
                Sha256.ThrowUnless(SHA256_Final((byte*)(outputs + i), &context));
            }
        }
    }

    private static void HashFirstLeaf(ref ReadOnlySpan<byte> bundle, ref Span<MerkleHash> hashes)
    {
        ReadOnlySpan<byte> entry = PeekEntry(bundle);
        hashes[0] = HashLeaf(entry);
        hashes = hashes[1..];
        bundle = bundle[(EntryPrefixBytes + entry.Length)..];
    }

    private static ReadOnlySpan<byte> PeekEntry(ReadOnlySpan<byte> bundle)
    {
        if (!BinaryPrimitives.TryReadUInt16BigEndian(bundle, out ushort length) || bundle.Length < EntryPrefixBytes + length)
        {
            throw new ArgumentException("The bundle ends before its last entry.", nameof(bundle));
        }

        return bundle.Slice(EntryPrefixBytes, length);
    }

    private static unsafe SHA256_CTX Start(byte prefix)
    {
        SHA256_CTX context = default;
        if (LibcryptoSha.IsAvailable)
        {
            Sha256.ThrowUnless(SHA256_Init(&context));
            Sha256.Update(&context, &prefix, 1);
        }

        return context;
    }

    // Without libcrypto: correct, not fast.
    internal static MerkleHash HashPrefixed(byte prefix, ReadOnlySpan<byte> data)
    {
        using var hash = new Sha256Incremental(useLibcrypto: false);
        hash.Append([prefix]);
        hash.Append(data);
        return hash.Finish();
    }
}
