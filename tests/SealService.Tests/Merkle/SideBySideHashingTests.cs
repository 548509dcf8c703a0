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

    // One to eight blocks in a slot, all sixteen alike and each as its neighbour is not.
    [Fact]
    public void HashLeaves_EveryLengthThatFitsASlotAndOneMore_AgreesWithDotNet()
    {
        Random random = SeededRandom.Create();
        for (int length = 0; length <= ShortMessageLanes.MessageBytesMax + 1; length++)
        {
            List<byte[]> alike = [.. Enumerable.Range(0, 17).Select(_ => random.NextBytes(length))];
            List<byte[]> mixed = [.. Enumerable.Range(0, 17).Select(i => random.NextBytes(i % 2 == 0 ? length : ShortMessageLanes.MessageBytesMax - length + 1))];
            foreach (List<byte[]> entries in new[] { alike, mixed })
            {
                MerkleHash[] hashes = new MerkleHash[entries.Count];
                TreeHasher.HashLeaves(ToBundle(entries), hashes);
                Assert.All(hashes, (hash, i) => Assert.Equal(SHA256.HashData([0, .. entries[i]]), hash.ToArray()));
            }
        }
    }

    // All in one call's segments, as the transport has them: what lies across them is what the others are not.
    [Theory]
    [InlineData(true, 1_024, 16_384)]
    [InlineData(true, 1_024, 4_096)]
    [InlineData(true, 1_024, 1_024)] // every one lies across, more than the shared scratch has room for
    [InlineData(true, 1_024, 1)]
    [InlineData(true, 1_024, 63)]
    [InlineData(true, 1_024, 64)]
    [InlineData(true, 8_183, 16_384)] // padded, as large as the shared scratch
    [InlineData(true, 8_184, 16_384)]
    [InlineData(true, 55, 100)]
    [InlineData(true, 56, 100)]
    [InlineData(true, 63, 100)]
    [InlineData(true, 64, 100)]
    [InlineData(true, 119, 100)]
    [InlineData(true, 120, 100)]
    [InlineData(true, 0, 100)]
    [InlineData(true, 100_000, 4_096)]
    [InlineData(false, 1_024, 1_024)]
    [InlineData(false, 100, 7)]
    public void Group_MessagesOneAfterAnotherInSegments_AgreesWithDotNet(bool useLanes, int messageBytes, int segmentBytes)
    {
        Assert.SkipWhen(useLanes && !Sha256Lanes.IsSupported, "This processor has no AVX-512.");
        const int headerBytes = 15;
        byte[] data = SeededRandom.Create().NextBytes(Sha256Group.MessagesMax * (headerBytes + messageBytes));
        ReadOnlySequence<byte> segments = InPieces(data, () => segmentBytes);
        using Sha256Group group = new(useLanes);
        MerkleHash[] digests = new MerkleHash[Sha256Group.MessagesMax];
        foreach (int difference in new[] { 0, 1, 64 })
        {
            byte[][] messages = new byte[Sha256Group.MessagesMax][];
            for (int i = 0; i < messages.Length; i++)
            {
                ReadOnlySequence<byte> message = segments.Slice((i * (headerBytes + messageBytes)) + headerBytes, Math.Max(0, messageBytes - (i * difference)));
                messages[i] = message.ToArray();
                group.Add(message);
            }

            group.Finish(digests);
            Assert.All(messages, (message, i) => Assert.Equal(SHA256.HashData(message), digests[i].ToArray()));
        }
    }

    // Ten or more go side by side; the other lanes have nothing.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Group_AnyNumberOfMessages_AgreesWithDotNetAndLeavesOtherDigestsAlone(bool useLanes)
    {
        Assert.SkipWhen(useLanes && !Sha256Lanes.IsSupported, "This processor has no AVX-512.");
        Random random = SeededRandom.Create();
        using Sha256Group group = new(useLanes);
        for (int count = 0; count <= Sha256Group.MessagesMax; count++)
        {
            byte[][] messages = [.. Enumerable.Range(0, count).Select(_ => random.NextBytes(1_000))];
            MerkleHash[] digests = new MerkleHash[Sha256Group.MessagesMax];
            foreach (byte[] message in messages)
            {
                group.Add(InPieces(message, () => random.Next(3) * 300));
            }

            group.Finish(digests);
            Assert.Equal([.. messages.Select(message => MerkleHash.Read(SHA256.HashData(message))), .. new MerkleHash[digests.Length - count]], digests);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Group_AnyPieces_AllocatesNothing(bool useLanes)
    {
        Assert.SkipWhen(useLanes && !Sha256Lanes.IsSupported, "This processor has no AVX-512.");
        ReadOnlySequence<byte>[] messages = [.. Enumerable.Range(0, Sha256Group.MessagesMax).Select(i => InPieces(new byte[1_024], () => 100 * i + 100))];
        using Sha256Group group = new(useLanes);
        MerkleHash[] digests = new MerkleHash[Sha256Group.MessagesMax];
        Hash(); // what is made once
        long before = GC.GetAllocatedBytesForCurrentThread();
        Hash();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Hash()
        {
            foreach (ref readonly ReadOnlySequence<byte> message in messages.AsSpan())
            {
                group.Add(message);
            }

            group.Finish(digests);
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

    private static ReadOnlySequence<byte> InPieces(byte[] message, Random random) =>
        InPieces(message, () => random.Next(random.Next(2) == 0 ? 200 : 2_000));

    private static ReadOnlySequence<byte> InPieces(byte[] message, Func<int> nextPieceBytes)
    {
        Piece first = new(default, null);
        Piece last = first;
        for (int at = 0; at < message.Length;)
        {
            int length = Math.Min(nextPieceBytes(), message.Length - at);
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
