using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

/// <summary>
/// Hashing of many messages at once, against .NET's. Where the processor has no AVX-512 this is the way without it, so
/// <c>DOTNET_EnableAVX512=0</c> tests that one on any machine.
/// </summary>
public sealed class SideBySideHashingTests
{
    private const int RunCount = 300;

    [Fact]
    public void HashLeaves_AnyEntriesInABundleOrApart_AgreesWithDotNet()
    {
        Random random = SeededRandom.Create();
        for (int run = 0; run < RunCount; run++)
        {
            // Small ones as of real documents, and now and then one that fits no slot.
            List<byte[]> entries = [.. Enumerable.Range(0, random.Next(40)).Select(_ => random.NextBytes(random.Next(random.Next(20) == 0 ? 2_000 : 200)))];
            MerkleHash[] hashes = new MerkleHash[entries.Count];
            TreeHasher.HashLeaves(ToBundle(entries), hashes);
            Assert.All(hashes, (hash, i) => Assert.Equal(SHA256.HashData([0, .. entries[i]]), hash.ToArray()));

            MerkleHash[] hashesApart = new MerkleHash[entries.Count];
            TreeHasher.HashLeaves([.. entries.Select(entry => new ReadOnlyMemory<byte>(entry))], hashesApart);
            Assert.Equal(hashes, hashesApart);
        }
    }

    [Fact]
    public void HashLeaves_FewerHashesThanEntries_Throws() =>
        Assert.Throws<ArgumentException>(() => TreeHasher.HashLeaves(new ReadOnlyMemory<byte>[17], new MerkleHash[16]));

    [Fact]
    public void HashLeaves_BundleEndsInsideAnEntry_Throws()
    {
        byte[] bundle = ToBundle([.. Enumerable.Range(0, 20).Select(_ => new byte[100])]);
        Assert.Throws<ArgumentException>(() => TreeHasher.HashLeaves(bundle.AsSpan(0, bundle.Length - 1), new MerkleHash[20]));
        Assert.Throws<ArgumentException>(() => TreeHasher.HashLeaves(bundle, new MerkleHash[21]));
    }

    [Fact]
    public void HashPairs_AnyCount_AgreesWithDotNet()
    {
        Random random = SeededRandom.Create();
        for (int count = 0; count < 70; count++)
        {
            byte[] children = random.NextBytes(2 * count * MerkleHash.Size);
            MerkleHash[] parents = new MerkleHash[count];
            TreeHasher.HashPairs(MerkleHash.Cast(children), parents);
            Assert.All(parents, (parent, i) => Assert.Equal(SHA256.HashData([1, .. children.AsSpan(i * 64, 64)]), parent.ToArray()));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Group_MessagesInAnyPieces_AgreesWithDotNet(bool useLanes)
    {
        Assert.SkipWhen(useLanes && !Sha256Lanes.IsSupported, "This processor has no AVX-512.");
        Random random = SeededRandom.Create();
        using Sha256Group group = new(useLanes);
        MerkleHash[] digests = new MerkleHash[Sha256Group.MessagesMax];
        for (int run = 0; run < RunCount; run++)
        {
            int longest = random.Next(1, 3_000);
            List<byte[]> messages = [.. Enumerable.Range(0, random.Next(17)).Select(_ => random.NextBytes(random.Next(longest)))];
            foreach (byte[] message in messages)
            {
                group.Add(InPieces(message, random));
            }

            Assert.Equal(messages.Count, group.Count);
            Assert.Equal(messages.Sum(m => m.Length), group.Bytes);
            group.Finish(digests);
            Assert.All(messages, (message, i) => Assert.Equal(SHA256.HashData(message), digests[i].ToArray()));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Group_EveryLengthAroundTheBlocks_AgreesWithDotNet(bool useLanes)
    {
        Assert.SkipWhen(useLanes && !Sha256Lanes.IsSupported, "This processor has no AVX-512.");
        byte[] data = SeededRandom.Create().NextBytes(300);
        using Sha256Group group = new(useLanes);
        MerkleHash[] digests = new MerkleHash[Sha256Group.MessagesMax];
        for (int length = 0; length <= data.Length; length++)
        {
            for (int i = 0; i < Sha256Group.MessagesMax; i++)
            {
                group.Add(new ReadOnlySequence<byte>(data, 0, Math.Max(0, length - i)));
            }

            group.Finish(digests);
            Assert.All(digests, (digest, i) => Assert.Equal(SHA256.HashData(data.AsSpan(0, Math.Max(0, length - i))), digest.ToArray()));
        }
    }

    [Fact]
    public void Group_IsFull_Throws()
    {
        using Sha256Group group = new();
        for (int i = 0; i < Sha256Group.MessagesMax; i++)
        {
            group.Add(default);
        }

        Assert.Throws<InvalidOperationException>(() => group.Add(default));
        Assert.Throws<ArgumentException>(() => group.Finish(new MerkleHash[Sha256Group.MessagesMax - 1]));
    }

    private static byte[] ToBundle(List<byte[]> entries)
    {
        List<byte> bundle = [];
        Span<byte> length = stackalloc byte[sizeof(ushort)];
        foreach (byte[] entry in entries)
        {
            BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)entry.Length);
            bundle.AddRange(length);
            bundle.AddRange(entry);
        }

        return [.. bundle];
    }

    private static ReadOnlySequence<byte> InPieces(byte[] message, Random random)
    {
        Piece first = new(default, null);
        Piece last = first;
        for (int at = 0; at < message.Length;)
        {
            int length = Math.Min(random.Next(random.Next(2) == 0 ? 200 : 2_000), message.Length - at);
            last = new Piece(message.AsMemory(at, length), last);
            at += length;
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                previous.Next = this;
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
            }
        }
    }
}
