using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using SealService.Merkle;

namespace SealService.Ledger.Derived;

/// <summary>
/// The tree's nodes that full C2SP tlog-tiles hold: file <c>hashes.L</c> holds, side by side, the roots of the perfect
/// subtrees of 256^L leaves; <c>hashes.0</c> the leaf hashes. Every other node follows from at most 255 of these. One thread
/// appends, any number read what is indexed.
/// </summary>
internal sealed class HashFiles : IDisposable
{
    public const int TileWidth = 256;
    public const int LevelsMax = 8; // 256^8 leaves are more than a long counts
    private const int TileWidthBits = 8;

    private readonly string _folder;
    private readonly SafeFileHandle[] _files = new SafeFileHandle[LevelsMax];
    private readonly FlushSteps[] _flushSteps = new FlushSteps[LevelsMax];

    private HashFiles(string folder) => _folder = folder;

    /// <summary>Opens the files of a tree and cuts off what is beyond its size.</summary>
    /// <exception cref="DerivedDataException">A file is too short.</exception>
    public static HashFiles Open(string folder, long treeSize)
    {
        HashFiles files = new(folder);
        try
        {
            for (int level = 0; level < LevelsMax; level++)
            {
                files.OpenLevel(level, treeSize);
            }

            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>The number of a level's hashes in a tree of a size.</summary>
    public static long CountAt(int level, long treeSize) => treeSize >> (level * TileWidthBits);

    /// <summary>Adds the leaves of a tree's run, which begins where the files end, and the roots of the subtrees that end within it.</summary>
    public void Append(BatchTree tree)
    {
        for (int level = 0; level < LevelsMax; level++)
        {
            ReadOnlySpan<MerkleHash> roots = tree.GetPerfectRoots(level * TileWidthBits);
            if (roots.IsEmpty)
            {
                return;
            }

            ReadOnlySpan<byte> bytes = MerkleHash.AsBytes(roots);
            RandomAccess.Write(_files[level], bytes, CountAt(level, tree.Begin) * MerkleHash.Size);
            _flushSteps[level].Wrote(_files[level], bytes.Length);
        }
    }

    /// <summary>The root of a subtree, as proofs are made of them: perfect, or on the right edge of an indexed tree.</summary>
    public MerkleHash GetRoot(Subtree subtree)
    {
        if (subtree.IsPerfect)
        {
            return GetPerfectRoot(subtree);
        }

        Span<Subtree> parts = stackalloc Subtree[CompactRange.HashCountMax];
        parts = parts[..CompactRange.GetSubtrees(subtree.Begin, subtree.End, parts)];
        Span<MerkleHash> roots = stackalloc MerkleHash[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            roots[i] = GetPerfectRoot(parts[i]);
        }

        return TreeHasher.HashRightEdge(roots);
    }

    /// <summary>Reads hashes of a level; they are indexed.</summary>
    public void Read(int level, long position, Span<MerkleHash> destination)
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(destination);
        if (RandomAccess.Read(_files[level], bytes, position * MerkleHash.Size) != bytes.Length)
        {
            throw new LedgerDamagedException(
                $"{Path.Combine(_folder, "hashes.")}{level} ends before hash {position + destination.Length}. "
                + $"It is derived: delete {_folder} and start again.");
        }
    }

    public void Flush()
    {
        foreach (SafeFileHandle file in _files)
        {
            RandomAccess.FlushToDisk(file);
        }
    }

    public void Dispose()
    {
        foreach (SafeFileHandle? file in _files)
        {
            file?.Dispose();
        }
    }

    private void OpenLevel(int level, long treeSize)
    {
        string path = Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"hashes.{level}"));
        SafeFileHandle file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        _files[level] = file;
        long count = CountAt(level, treeSize);
        long length = RandomAccess.GetLength(file);
        if (length < count * MerkleHash.Size)
        {
            throw new DerivedDataException($"{path} has {length} bytes; a tree of {treeSize} leaves needs {count * MerkleHash.Size}");
        }

        RandomAccess.SetLength(file, count * MerkleHash.Size);
    }

    private MerkleHash GetPerfectRoot(Subtree subtree)
    {
        int level = subtree.Level / TileWidthBits;
        int count = 1 << (subtree.Level % TileWidthBits);
        Span<MerkleHash> hashes = stackalloc MerkleHash[count];
        Read(level, subtree.Begin >> (level * TileWidthBits), hashes);
        using BatchTree tile = new(new CompactRange(), hashes); // its nodes are the leaves of a tree like any other
        return tile.RootHash;
    }
}
