using System.Security.Cryptography;
using SealService.Merkle;

namespace SealService.Tests.Merkle;

/// <summary>The oracle: RFC 9162 section 2.1 word by word, on .NET's own SHA-256, slow and obvious.</summary>
internal sealed class RecursiveTree(IReadOnlyList<byte[]> entries)
{
    private readonly Dictionary<(int Begin, int End), MerkleHash> _hashes = [];

    public static RecursiveTree OfCounting(int size) => new([.. Enumerable.Range(0, size).Select(BitConverter.GetBytes)]);

    public MerkleHash[] LeafHashes => [.. Enumerable.Range(0, entries.Count).Select(i => Root(i, i + 1))];

    /// <summary>MTH(D[begin:end]).</summary>
    public MerkleHash Root(int begin, int end)
    {
        if (!_hashes.TryGetValue((begin, end), out MerkleHash hash))
        {
            hash = (end - begin) switch
            {
                0 => Hash([]),
                1 => Hash([0x00, .. entries[begin]]),
                int n => Hash([0x01, .. Root(begin, begin + Split(n)).ToArray(), .. Root(begin + Split(n), end).ToArray()]),
            };
            _hashes.Add((begin, end), hash);
        }

        return hash;
    }

    /// <summary>PATH(m, D[0:size]) as subtrees.</summary>
    public static List<Subtree> Path(int m, int size) => Path(m, 0, size);

    /// <summary>PROOF(m, D[0:size]) as subtrees.</summary>
    public static List<Subtree> Proof(int m, int size) => SubProof(m, 0, size, isWhole: true);

    public MerkleHash[] Hashes(IEnumerable<Subtree> subtrees) => [.. subtrees.Select(s => Root((int)s.Begin, (int)s.End))];

    /// <summary>The fewest perfect subtrees that cover [begin, end), by trying the largest first.</summary>
    public static List<Subtree> Cover(int begin, int end)
    {
        var cover = new List<Subtree>();
        while (begin < end)
        {
            int size = 1 << 30;
            while (begin % size != 0 || begin + size > end)
            {
                size /= 2;
            }

            cover.Add(new Subtree(begin, begin + size));
            begin += size;
        }

        return cover;
    }

    private static List<Subtree> Path(int m, int begin, int end)
    {
        int n = end - begin;
        if (n == 1)
        {
            return [];
        }

        int k = Split(n);
        return m < k
            ? [.. Path(m, begin, begin + k), new Subtree(begin + k, end)]
            : [.. Path(m - k, begin + k, end), new Subtree(begin, begin + k)];
    }

    private static List<Subtree> SubProof(int m, int begin, int end, bool isWhole)
    {
        int n = end - begin;
        if (m == n)
        {
            return isWhole ? [] : [new Subtree(begin, end)];
        }

        int k = Split(n);
        return m <= k
            ? [.. SubProof(m, begin, begin + k, isWhole), new Subtree(begin + k, end)]
            : [.. SubProof(m - k, begin + k, end, isWhole: false), new Subtree(begin, begin + k)];
    }

    // The largest power of two smaller than n.
    private static int Split(int n)
    {
        int k = 1;
        while (k * 2 < n)
        {
            k *= 2;
        }

        return k;
    }

    private static MerkleHash Hash(byte[] data) => MerkleHash.Read(SHA256.HashData(data));
}
