using Grpc.Core;
using SealService.Client;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Client;

/// <summary>Reading a ledger that is honest, and one that is not.</summary>
public sealed class LedgerReaderTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task GetCheckpoint_SignedByTheTrustedKey_IsVerified()
    {
        await using var server = await StartAsync(documents: 5);
        await using var client = server.CreateClient();

        var head = await client.Ledger.GetCheckpointAsync(Cancellation);

        Assert.True(head.IsVerified);
        Assert.Equal((server.Ledger.Origin, server.Ledger.TreeSize), (head.Checkpoint.Origin, head.Checkpoint.TreeSize));
    }

    [Fact]
    public async Task GetCheckpoint_SignedByAnotherKey_IsNotBelieved()
    {
        await using var server = await StartAsync(documents: 1);
        await using var client = server.CreateClient(keys: new FakeLedger(server.Ledger.Origin).Key);

        await Assert.ThrowsAsync<InvalidAnswerException>(() => client.Ledger.GetCheckpointAsync(Cancellation));
        Assert.Equal(server.Ledger.Origin, await client.Ledger.GetUnverifiedOriginAsync(Cancellation));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(4, 0)]
    [InlineData(4, 5)]
    [InlineData(2, 8)]
    public async Task GetInclusionProof_AnyTree_LeadsToTheSignedHead(long index, long treeSize)
    {
        await using var server = await StartAsync(documents: 7);
        await using var client = server.CreateClient();

        var proof = await client.Ledger.GetInclusionProofAsync(index, treeSize, Cancellation);

        Assert.Equal(TreeHasher.HashLeaf(server.Ledger[index]), proof.LeafHash);
        Assert.Equal(treeSize == 0 ? server.Ledger.TreeSize : treeSize, proof.TreeSize);
        Assert.True(proof.Checkpoint.IsVerified);
    }

    [Fact]
    public async Task GetConsistencyProof_SavedCheckpoint_IsAPrefixOfTheHead()
    {
        await using var server = await StartAsync(documents: 3);
        await using var client = server.CreateClient();
        var saved = server.Ledger.GetCheckpoint();
        var size = server.Ledger.TreeSize;
        Grow(server.Ledger, 4);

        var proof = await client.Ledger.GetConsistencyProofAsync(saved, cancellationToken: Cancellation);

        Assert.Equal((size, server.Ledger.TreeSize), (proof.FirstSize, proof.SecondSize));
    }

    [Fact]
    public async Task GetConsistencyProof_AnotherHistorySinceTheSavedCheckpoint_IsNotBelieved()
    {
        var original = new FakeLedger();
        Grow(original, 3);
        await using var server = await StartAsync(documents: 9, original.Fork());
        await using var client = server.CreateClient();

        var exception = await Assert.ThrowsAsync<InvalidAnswerException>(
            () => client.Ledger.GetConsistencyProofAsync(original.GetCheckpoint(), cancellationToken: Cancellation));

        Assert.Contains("history was changed", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadEntries_FromTheMiddle_GivesThemInOrder()
    {
        await using var server = await StartAsync(documents: 5);
        await using var client = server.CreateClient();

        var entries = await client.Ledger.ReadEntriesAsync(2, 3, Cancellation).ToListAsync(Cancellation);

        Assert.Equal([2L, 3, 4], entries.Select(entry => entry.Index));
        Assert.All(entries, entry => Assert.Equal(server.Ledger[entry.Index], entry.Bytes.ToArray()));
    }

    [Fact]
    public async Task Find_SeveralPages_GivesAllOfThem()
    {
        await using var server = await StartAsync(documents: 6);
        await using var client = server.CreateClient();

        var found = await client.Ledger.FindAsync(EntryLookup.ByDocumentId("even"), Cancellation).ToListAsync(Cancellation);

        Assert.Equal(3, found.Count);
        Assert.Equal(found.OrderByDescending(entry => entry.Index), found);
    }

    [Fact]
    public async Task GetReceipt_ByIndex_IsCheckedAndOfThatEntry()
    {
        await using var server = await StartAsync(documents: 5);
        await using var client = server.CreateClient();

        var receipt = await client.GetReceiptAsync(EntryLookup.ByIndex(3), Cancellation);

        Assert.Equal(3, receipt.Index);
        Assert.True(new ReceiptVerifier([server.Ledger.Key]).Verify(receipt).IsValid);
        await Assert.ThrowsAsync<RpcException>(() => client.GetReceiptAsync(EntryLookup.ByIndex(1000), Cancellation));
    }

    [Fact]
    public async Task GetReceipt_AnotherEntryThanAskedFor_IsNotBelieved()
    {
        await using var server = await StartAsync(documents: 5);
        await using var client = server.CreateClient();

        // The fake looks at the index only, which is 0 here.
        await Assert.ThrowsAsync<InvalidAnswerException>(
            () => client.GetReceiptAsync(EntryLookup.ByDigest(Sha256.HashData("no such document"u8)), Cancellation));
    }

    private static async Task<FakeSealServer> StartAsync(int documents, FakeLedger? ledger = null)
    {
        var server = await FakeSealServer.StartAsync(ledger);
        Grow(server.Ledger, documents);
        return server;
    }

    private static void Grow(FakeLedger ledger, int documents)
    {
        var first = ledger.TreeSize;
        ledger.Seal([.. Enumerable.Range(0, documents).Select(i => ((ulong)i, new SubmittedDocument
        {
            Kind = EntryKind.Document,
            Digest = Sha256.HashData(BitConverter.GetBytes(first + i)),
            SizeBytes = i,
            DocumentId = i % 2 == 0 ? "even" : "odd",
        }))]);
    }
}
