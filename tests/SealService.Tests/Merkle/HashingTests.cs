using System.Buffers;
using System.Security.Cryptography;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class HashingTests
{
    // Around the block, the padding, and the size from which calls have a GC transition.
    private static readonly int[] Lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 511, 512, 513, 1_000, 65_535, 200_000];

    [Fact]
    public void HashData_FipsVector_MatchesIt() =>
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Sha256.HashData("abc"u8).ToString());

    [Fact]
    public void HashData_AnyLength_AgreesWithDotNet()
    {
        Random random = SeededRandom.Create();
        Span<byte> digest = stackalloc byte[Sha256.DigestSize];
        foreach (int length in Lengths)
        {
            byte[] data = random.NextBytes(length);
            Sha256.HashData(data, digest);
            Assert.Equal(SHA256.HashData(data), digest);
        }
    }

    [Fact]
    public void HashData_ShortDestination_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Sha256.HashData([], new byte[31]));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Incremental_RandomPieces_AgreesWithDotNetAndStartsAnew(bool useLibcrypto)
    {
        Random random = SeededRandom.Create();
        using var hash = new Sha256Incremental(useLibcrypto);
        var digest = new byte[Sha256.DigestSize];
        for (int run = 0; run < 200; run++)
        {
            byte[] data = random.NextBytes(random.Next(3_000));
            if (random.Next(4) == 0)
            {
                hash.Append(data);
                hash.Reset();
            }

            for (int position = 0; position < data.Length;)
            {
                int length = Math.Min(random.Next(700), data.Length - position);
                hash.Append(data.AsSpan(position, length));
                position += length;
            }

            hash.Finish(digest);
            Assert.Equal(SHA256.HashData(data), digest);
        }
    }

    [Fact]
    public void Incremental_SequenceOfSegments_AgreesWithOnePiece()
    {
        byte[] data = SeededRandom.Create().NextBytes(2_000);
        using var hash = new Sha256Incremental();
        hash.Append(Sequence(data[..700], [], data[700..701], data[701..]));
        Assert.Equal(Sha256.HashData(data), hash.Finish());

        hash.Append(new ReadOnlySequence<byte>(data));
        Assert.Equal(Sha256.HashData(data), hash.Finish());
    }

    [Fact]
    public void Incremental_ShortDestination_Throws()
    {
        using var hash = new Sha256Incremental();
        Assert.Throws<ArgumentOutOfRangeException>(() => hash.Finish(new byte[31]));
    }

    [Fact]
    public void TreeHasher_AnyLength_IsThePrefixedHash()
    {
        Random random = SeededRandom.Create();
        foreach (int length in Lengths)
        {
            byte[] entry = random.NextBytes(length);
            MerkleHash expected = MerkleHash.Read(SHA256.HashData([0x00, .. entry]));
            Assert.Equal(expected, TreeHasher.HashLeaf(entry));
            Assert.Equal(expected, TreeHasher.HashPrefixed(0x00, entry));
        }

        MerkleHash[] nodes = [.. MerkleHash.Cast(random.NextBytes(6 * MerkleHash.Size))];
        var parents = new MerkleHash[3];
        TreeHasher.HashPairs(nodes, parents);
        for (int i = 0; i < parents.Length; i++)
        {
            MerkleHash expected = MerkleHash.Read(SHA256.HashData([0x01, .. nodes[2 * i].AsSpan(), .. nodes[(2 * i) + 1].AsSpan()]));
            Assert.Equal(expected, parents[i]);
            Assert.Equal(expected, TreeHasher.HashChildren(nodes[2 * i], nodes[(2 * i) + 1]));
            Assert.Equal(expected, TreeHasher.HashPrefixed(0x01, MerkleHash.AsBytes(nodes.AsSpan(2 * i, 2))));
        }
    }

    [Fact]
    public void HashPairs_OddChild_Throws() =>
        Assert.Throws<ArgumentException>(() => TreeHasher.HashPairs(new MerkleHash[3], new MerkleHash[1]));

    [Fact]
    public void MerkleHash_IsItsBytes()
    {
        byte[] bytes = SeededRandom.Create().NextBytes(2 * MerkleHash.Size);
        ReadOnlySpan<MerkleHash> hashes = MerkleHash.Cast(bytes);
        Assert.Equal(2, hashes.Length);
        Assert.Equal(bytes, MerkleHash.AsBytes(hashes));
        Assert.Equal(hashes[1], MerkleHash.Read(bytes.AsSpan(MerkleHash.Size)));
        Assert.NotEqual(hashes[0], hashes[1]);
        Assert.Equal(Convert.ToHexStringLower(bytes.AsSpan(0, MerkleHash.Size)), hashes[0].ToString());

        for (int i = 0; i < MerkleHash.Size; i++)
        {
            byte[] other = hashes[0].ToArray();
            other[i] ^= 1;
            Assert.False(MerkleHash.Read(other) == hashes[0]);
        }

        Assert.Throws<ArgumentException>(() => MerkleHash.Read(bytes));
        Assert.Throws<ArgumentException>(() => MerkleHash.Cast(bytes.AsSpan(1)));
    }

    private static ReadOnlySequence<byte> Sequence(params byte[][] pieces)
    {
        var first = new Piece(pieces[0], 0);
        Piece last = first;
        foreach (byte[] piece in pieces[1..])
        {
            last = last.Append(piece);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(byte[] bytes, long runningIndex)
        {
            Memory = bytes;
            RunningIndex = runningIndex;
        }

        public Piece Append(byte[] bytes)
        {
            var next = new Piece(bytes, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
