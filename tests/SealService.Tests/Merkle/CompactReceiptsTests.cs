using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class CompactReceiptsTests
{
    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(2, 1, 1)]
    [InlineData(20, 0, 20)]
    [InlineData(20, 7, 13)]
    [InlineData(57, 13, 21)]
    [InlineData(100, 64, 32)]
    public void Expand_GivesTheFullReceipts(int size, int first, int count)
    {
        var sample = new SealedSample(size, first, count);
        using CompactReceipts compact = sample.Compact();
        Assert.True(sample.Verifier.TryVerify(compact, out string? error), error);
        Assert.Equal(count, compact.Count);
        for (int i = 0; i < count; i++)
        {
            Receipt full = sample.Receipt(first + i);
            Assert.True(compact.TryExpand(i, SealedSample.Document(first + i), out Receipt? expanded, out error), error);
            Assert.Equal(full.Format(), expanded.Format());
            Assert.True(compact.TryGetReceipt(i, full.Entry, out Receipt? given, out error), error);
            Assert.Equal(full.Format(), given.Format());
            Assert.True(sample.Verifier.Verify(expanded).IsValid);
        }
    }

    [Fact]
    public void Expand_WithoutTimeOffsets_UsesTheFirstTime()
    {
        var sample = new SealedSample(2);
        using CompactReceipts compact = Change(sample.Compact(), offsets: Array.Empty<uint>());
        Assert.True(compact.TryExpand(1, SealedSample.Document(1), out _, out string? error), error);
    }

    [Fact]
    public void Expand_AnotherDocumentThanWasSealed_SaysSo()
    {
        var sample = new SealedSample(30, 4, 20);
        using CompactReceipts compact = sample.Compact();
        SubmittedDocument sent = SealedSample.Document(5);
        SubmittedDocument[] others =
        [
            sent with { Kind = EntryKind.Document },
            sent with { Digest = default },
            sent with { SizeBytes = sent.SizeBytes + 1 },
            sent with { DocumentId = "other" },
            sent with { IdempotencyKey = "other" },
            sent with { MetadataCommitment = new byte[32] },
            SealedSample.Document(6),
        ];
        foreach (SubmittedDocument other in others)
        {
            Assert.False(compact.TryExpand(1, other, out Receipt? receipt, out string? error));
            Assert.Null(receipt);
            Assert.Contains("something else than was sent", error, StringComparison.Ordinal);
        }

        Assert.True(compact.TryExpand(1, sent, out _, out _));
        Assert.False(compact.TryGetReceipt(1, sample.Receipt(6).Entry, out _, out _));
    }

    [Fact]
    public void TryVerify_AnyHashChanged_IsFalse()
    {
        var sample = new SealedSample(57, 13, 21);
        CompactReceipts good = sample.Compact();
        foreach (Func<ReadOnlyMemory<byte>, CompactReceipts> replace in new Func<ReadOnlyMemory<byte>, CompactReceipts>[]
        {
            bytes => Change(good, leafHashes: bytes),
            bytes => Change(good, leftRange: bytes),
            bytes => Change(good, rightRange: bytes),
        })
        {
            ReadOnlyMemory<byte> original = replace(default) switch
            {
                { LeafHashes.IsEmpty: true } => good.LeafHashes,
                { LeftRange.IsEmpty: true } => good.LeftRange,
                _ => good.RightRange,
            };
            for (int i = 0; i < original.Length; i += 5)
            {
                byte[] changed = original.ToArray();
                changed[i] ^= 0x10;
                AssertUnverified(sample, replace(changed), "root hash");
            }
        }
    }

    [Fact]
    public void TryVerify_PartsThatDoNotFit_NamesThem()
    {
        var sample = new SealedSample(57, 13, 21);
        CompactReceipts good = sample.Compact();
        AssertUnverified(sample, Change(good, leafHashes: Array.Empty<byte>()), "leaf hashes have 0 bytes");
        AssertUnverified(sample, Change(good, leafHashes: good.LeafHashes[1..]), "leaf hashes");
        AssertUnverified(sample, Change(good, leafHashes: good.LeafHashes[32..]), "right range");
        AssertUnverified(sample, Change(good, leftRange: good.LeftRange[32..]), "left range");
        AssertUnverified(sample, Change(good, rightRange: good.RightRange[1..]), "right range");
        AssertUnverified(sample, Change(good, firstIndex: 12), "left range");
        AssertUnverified(sample, Change(good, firstIndex: -1), "not in a tree of 57");
        AssertUnverified(sample, Change(good, firstIndex: 57), "not in a tree of 57");
        AssertUnverified(sample, Change(good, firstIndex: long.MaxValue), "not in a tree of 57");
        AssertUnverified(sample, Change(good, saltKey: new byte[15]), "salt key has 15 bytes");
        AssertUnverified(sample, Change(good, offsets: new uint[20]), "20 time offsets for 21");
        AssertUnverified(sample, Change(good, checkpoint: new SealedSample(64).Note), "right range");
        AssertUnverified(sample, Change(good, checkpoint: sample.Note.AsMemory(0, sample.Note.Length - 1)), "signature line 1");
        AssertUnverified(sample, Change(good, checkpoint: Array.Empty<byte>()), "blank line");
    }

    [Fact]
    public void TryVerify_HeadOfAnotherCheckpoint_IsFalse()
    {
        var sample = new SealedSample(20);
        using CompactReceipts compact = sample.Compact();
        var other = new Checkpoint(sample.Signer.Key.Name, 20, default);
        Assert.False(compact.TryVerify(other, out string? error));
        Assert.Contains("not the one that was verified", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TryVerify_UntrustedKey_IsFalse()
    {
        using CompactReceipts compact = new SealedSample(20).Compact();
        var verifier = new ReceiptVerifier([TestSigner.Ed25519("seal.example/sample", new byte[32]).Key]);
        Assert.False(verifier.TryVerify(compact, out string? error));
        Assert.Contains("no signature is by a trusted key", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Expand_FromSeveralThreads_GivesTheSameReceipts()
    {
        var sample = new SealedSample(200, 30, 150);
        using CompactReceipts compact = sample.Compact();
        string?[] errors = await Task.WhenAll(Enumerable.Range(0, 150).Select(i => Task.Run(() =>
        {
            compact.TryExpand(i, SealedSample.Document(30 + i), out Receipt? receipt, out string? error);
            return receipt is not null && sample.Verifier.Verify(receipt).IsValid ? null : error ?? "not valid";
        })));
        Assert.All(errors, Assert.Null);
    }

    [Fact]
    public void Expand_OutsideOrDisposed_Throws()
    {
        CompactReceipts compact = new SealedSample(20, 10, 5).Compact();
        Assert.Throws<ArgumentOutOfRangeException>(() => compact.TryExpand(5, default, out _, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => compact.TryGetReceipt(-1, default, out _, out _));
        compact.Dispose();
        Assert.Throws<ObjectDisposedException>(() => compact.TryExpand(0, default, out _, out _));
    }

    private static void AssertUnverified(SealedSample sample, CompactReceipts compact, string fragment)
    {
        Assert.False(sample.Verifier.TryVerify(compact, out string? error));
        Assert.Contains(fragment, error, StringComparison.Ordinal);
        Assert.False(compact.TryExpand(0, SealedSample.Document(13), out _, out _));
    }

    private static CompactReceipts Change(
        CompactReceipts receipts,
        ReadOnlyMemory<byte>? checkpoint = null,
        long? firstIndex = null,
        ReadOnlyMemory<byte>? leafHashes = null,
        ReadOnlyMemory<byte>? leftRange = null,
        ReadOnlyMemory<byte>? rightRange = null,
        ReadOnlyMemory<byte>? saltKey = null,
        ReadOnlyMemory<uint>? offsets = null) => new()
        {
            Checkpoint = checkpoint ?? receipts.Checkpoint,
            FirstIndex = firstIndex ?? receipts.FirstIndex,
            LeafHashes = leafHashes ?? receipts.LeafHashes,
            LeftRange = leftRange ?? receipts.LeftRange,
            RightRange = rightRange ?? receipts.RightRange,
            SaltKey = saltKey ?? receipts.SaltKey,
            SealedAtUnixMs = receipts.SealedAtUnixMs,
            SealedAtOffsetsMs = offsets ?? receipts.SealedAtOffsetsMs,
        };
}
