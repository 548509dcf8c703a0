using Microsoft.Extensions.Logging.Abstractions;
using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class SealLedgerTests
{
    [Fact]
    public async Task Open_NewLedger_HasSignedHeadOfNoEntries()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Equal(0, ledger.Head.TreeSize);
        Assert.Equal(TreeHasher.EmptyRoot, ledger.Head.RootHash);
        await fixture.CheckAsync();
        Assert.Null(await ledger.GetReceiptAsync(0, Token));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(3000)]
    public async Task Seal_Documents_GivesReceiptsThatVerify(int count)
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(count));
        Assert.Null(await fixture.SealAsync(1));
        Assert.Equal(count + 1, fixture.Acknowledged.Count);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Seal_OverRestarts_KeepsEverything()
    {
        await using LedgerFixture fixture = new();
        for (int i = 0; i < 4; i++)
        {
            await fixture.OpenAsync();
            Assert.Null(await fixture.SealAsync(100 + i));
            await fixture.CheckAsync();
        }

        await fixture.OpenAsync();
        Assert.Equal(406, fixture.Ledger.Head.TreeSize);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Seal_OnDisk_KeepsEverythingOverRestarts()
    {
        await using LedgerFixture fixture = new();
        for (int i = 0; i < 3; i++)
        {
            await fixture.OpenAsync(OnDisk(fixture));
            Assert.Null(await fixture.SealAsync(500));
            await fixture.CheckAsync();
            await fixture.CloseAsync();
        }

        await fixture.OpenAsync(OnDisk(fixture));
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task CompactReceipts_OfASegment_ExpandToItsReceipts()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(5));
        using LedgerWriter writer = ledger.CreateWriter();
        Assert.True(writer.TryEnter());
        for (int i = 0; i < 100; i++)
        {
            Assert.True(writer.TryAdd((ulong)i + 1000, Document(Digest(i), documentId: $"document-{i}")));
        }

        writer.Leave();
        using SealedSegment? segment = await writer.ReadSealedAsync(Token);
        Assert.NotNull(segment);
        Assert.Null(segment.Failure);
        using CompactReceipts compact = new()
        {
            Checkpoint = segment.Head.Note,
            FirstIndex = segment.FirstIndex,
            LeafHashes = MerkleHash.AsBytes(segment.LeafHashes).ToArray(),
            LeftRange = MerkleHash.AsBytes(segment.LeftRange).ToArray(),
            RightRange = MerkleHash.AsBytes(segment.RightRange).ToArray(),
            SaltKey = segment.SaltKey.ToArray(),
            SealedAtUnixMs = segment.SealedAtUnixMs,
            SealedAtOffsetsMs = segment.SealedAtOffsetsMs.ToArray(),
        };
        Assert.True(new ReceiptVerifier([fixture.Signer.Key]).TryVerify(compact, out string? error), error);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal((ulong)i + 1000, segment.References[i]);
            SubmittedDocument sent = new()
            {
                Kind = EntryKind.Document,
                Digest = MerkleHash.Read(Digest(i)),
                SizeBytes = 8,
                DocumentId = $"document-{i}",
            };
            Assert.True(compact.TryExpand(i, sent, out Receipt? receipt, out error), error);
            Assert.True(receipt.Format().AsSpan().SequenceEqual(segment.GetReceipt(i).Format()));
        }
    }

    [Fact]
    public async Task Proofs_OfEverySizeAndIndex_Verify()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(600));
        int[] sizes = [0, 1, 2, 3, 7, 8, 255, 256, 257, 300, 511, 512, 513, 599, 600];
        foreach (int second in sizes)
        {
            foreach (int first in sizes.Where(first => first <= second))
            {
                ProvenConsistency proof = await ledger.GetConsistencyProofAsync(first, second, Token);
                Assert.True(ConsistencyProof.Verify(first, second, proof.FirstRootHash, proof.SecondRootHash, [.. proof.Hashes]));
            }

            for (int index = 0; index < second; index += 13)
            {
                ProvenInclusion proof = await ledger.GetInclusionProofAsync(index, second, Token);
                Assert.True(InclusionProof.Verify(proof.LeafHash, index, second, [.. proof.Hashes], proof.RootHash));
            }
        }

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await ledger.GetInclusionProofAsync(600, 600, Token));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await ledger.GetConsistencyProofAsync(1, 601, Token));
    }

    [Fact]
    public async Task ReadTile_FullAndPartial_AreTheTreesHashes()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(700));
        IEnumerable<Receipt> inOrder = fixture.Acknowledged.OrderBy(receipt => receipt.Index);
        MerkleHash[] leaves = [.. inOrder.Select(receipt => TreeHasher.HashLeaf(receipt.Entry.Span))];
        Assert.Equal(leaves[256..512], await ledger.ReadTileAsync(0, 1, 256, Token));
        Assert.Equal(leaves[512..700], await ledger.ReadTileAsync(0, 2, 188, Token));
        MerkleHash[] roots = await ledger.ReadTileAsync(1, 0, 2, Token);
        for (int tile = 0; tile < 2; tile++)
        {
            CompactRange range = new();
            range.Append(leaves.AsSpan(tile * 256, 256));
            Assert.Equal(range.GetRootHash(), roots[tile]);
        }

        (int Level, long Number, int Width)[] absent =
        [
            (0, 2, 189), (0, 3, 1), (1, 0, 3), (2, 0, 1), (0, long.MaxValue, 1), (-1, 0, 1), (8, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257),
        ];
        foreach ((int level, long number, int width) in absent)
        {
            await Assert.ThrowsAnyAsync<ArgumentOutOfRangeException>(async () => await ledger.ReadTileAsync(level, number, width, Token));
        }
    }

    [Fact]
    public async Task Find_ManyEntriesWithOneKey_PagesNewestFirst()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { IndexKeysInMemoryMax = 64 };
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        List<long> expected = [];
        for (int round = 0; round < 40; round++)
        {
            Assert.True(await writer.WaitToEnterAsync(Token) && writer.TryEnter());
            Assert.True(writer.TryAdd(1, Document(Digest(round), documentId: "often")));
            Assert.True(writer.TryAdd(2, Document(Digest(round), documentId: "other")));
            writer.Leave();
            using SealedSegment? segment = await writer.ReadSealedAsync(Token);
            expected.Insert(0, segment!.FirstIndex);
        }

        List<long> found = [];
        long? before = long.MaxValue;
        while (before is not null)
        {
            FoundEntries page = await ledger.FindAsync(LookupKind.DocumentId, "often"u8.ToArray(), 7, before.Value, Token);
            Assert.InRange(page.Entries.Count, 1, 7);
            found.AddRange(page.Entries.Select(entry => entry.Index));
            before = page.NextBefore;
        }

        Assert.Equal(expected, found);
        Assert.Empty((await ledger.FindAsync(LookupKind.DocumentId, "never"u8.ToArray(), 7, long.MaxValue, Token)).Entries);
    }

    [Fact]
    public async Task ReadEntries_OfARange_GivesExactlyIt()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        for (int i = 0; i < 5; i++)
        {
            Assert.Null(await fixture.SealAsync(10));
        }

        List<byte> bytes = [];
        long next = 7;
        await foreach (EntryBundle bundle in ledger.ReadEntriesAsync(7, 25, Token))
        {
            Assert.Equal(next, bundle.FirstIndex);
            next += bundle.Count;
            bytes.AddRange(bundle.Bytes.Span);
            for (int i = 0; i < bundle.Count; i++)
            {
                Assert.True(bundle[i].Span.SequenceEqual(fixture.Acknowledged[(int)bundle.FirstIndex + i].Entry.Span));
            }
        }

        Assert.Equal(32, next);
        Assert.Equal(fixture.Acknowledged.Skip(7).Take(25).Sum(receipt => receipt.Entry.Length + 2), bytes.Count);
    }

    [Fact]
    public async Task WaitForHead_NewBatch_WakesWithNewestHead()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        ValueTask<SignedHead> waiting = ledger.WaitForHeadAfterAsync(0, Token);
        Assert.False(waiting.IsCompleted);
        Assert.Null(await fixture.SealAsync(3));
        SignedHead head = await waiting;
        Assert.InRange(head.TreeSize, 1, 3);
        ValueTask<SignedHead> never = ledger.WaitForHeadAfterAsync(1000, Token);
        await fixture.CloseAsync();
        await Assert.ThrowsAsync<LedgerException>(async () => await never);
    }

    [Fact]
    public async Task Dispose_AcceptedEntries_AreSealedFirst()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        TaskCompletionSource gate = new();
        fixture.Signer.Before = _ => gate.Task;
        Assert.True(writer.TryEnter());
        Assert.True(writer.TryAdd(1, Document(Digest(1))));
        writer.Leave();
        ValueTask closing = ledger.DisposeAsync();
        gate.SetResult();
        await closing;
        Assert.False(await writer.WaitToEnterAsync(Token));
        Assert.False(writer.TryEnter());
        using SealedSegment? segment = await writer.ReadSealedAsync(Token);
        Assert.Null(segment!.Failure);
        fixture.Signer.Before = null;
        Assert.Equal(1, (await fixture.OpenAsync()).Head.TreeSize);
    }

    [Fact]
    public async Task TryAdd_ImpossibleDocument_ThrowsAndHarmsNobody()
    {
        await using LedgerFixture fixture = new();
        SealLedger ledger = await fixture.OpenAsync();
        using LedgerWriter writer = ledger.CreateWriter();
        Assert.True(writer.TryEnter());
        Assert.Throws<ArgumentException>(() => writer.TryAdd(1, Document(new byte[31])));
        Assert.Throws<ArgumentException>(() => writer.TryAdd(1, Document(Digest(1), documentId: new string('x', 129))));
        Assert.Throws<ArgumentException>(
            () => writer.TryAdd(1, new DocumentSeal { Kind = EntryKind.Document, Digest = Digest(1), DocumentId = [0xff] }));
        Assert.True(writer.TryAdd(2, Document(Digest(2))));
        writer.Leave();
        using SealedSegment? segment = await writer.ReadSealedAsync(Token);
        Assert.Equal(1, segment!.Count);
        await fixture.CheckAsync();
    }

    internal static FasterLogStorage OnDisk(LedgerFixture fixture) =>
        FasterLogStorage.Open(fixture.Folder.Path, SmallSegments, NullLoggerFactory.Instance);

    internal static FasterLogStorageOptions SmallSegments { get; } = new()
    {
        PageBytes = 4 << 20,
        MemoryBytes = 8 << 20,
        SegmentBytes = 16 << 20,
        FreeBytesMin = 0,
    };
}
