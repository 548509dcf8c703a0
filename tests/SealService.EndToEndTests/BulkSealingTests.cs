using System.Security.Cryptography;
using Grpc.Core;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>SealDocuments as the contract describes it.</summary>
public sealed class BulkSealingTests(LimitedServer limited) : IClassFixture<LimitedServer>
{
    [Fact]
    public async Task LargeDocuments_InterleaveAndComeOutWhole()
    {
        using var call = new BulkCall(limited.Server);
        await call.FullReceiptsAsync();
        var documents = Enumerable.Range(0, 3).Select(i => RandomNumberGenerator.GetBytes(30_000 + i)).ToArray();
        for (ulong i = 0; i < 3; i++)
        {
            await call.BeginAsync(i);
        }

        for (var at = 0; at < 31_000; at += 10_000)
        {
            for (ulong i = 0; i < 3; i++)
            {
                var document = documents[i];
                await call.ChunkAsync(i, document[Math.Min(at, document.Length)..Math.Min(at + 10_000, document.Length)]);
            }
        }

        for (ulong i = 0; i < 3; i++)
        {
            await call.EndAsync(i);
        }

        var verifier = await ServerKeys.CreateVerifierAsync(limited.Server);
        var answers = await call.FinishAsync();
        Assert.Equal(3, answers.Count);
        Assert.All(answers, a => verifier.AssertValid(a.Sealed.Receipt, documents[a.Sealed.Ref]));
    }

    [Fact]
    public async Task BadDocuments_AreAnswered_AndTheStreamGoesOn()
    {
        using var call = new BulkCall(limited.Server);
        await call.FullReceiptsAsync();
        await call.WholeAsync(1, [1], key: new string('k', 129));
        await call.WholeAsync(2, [2], id: new string('d', 129));
        await call.SendAsync(new SealDocumentsRequest
        {
            Ref = 3,
            Whole = new WholeDocument { Header = new DocumentHeader { MetadataCommitment = Google.Protobuf.ByteString.CopyFrom(1, 2) } },
        });
        await call.SendAsync(new SealDocumentsRequest
        {
            Ref = 4,
            Whole = new WholeDocument { Header = new DocumentHeader { ExpectedSha256 = Google.Protobuf.ByteString.CopyFrom(new byte[32]) } },
        });
        await call.BeginAsync(5);
        await call.ChunkAsync(5, new byte[LimitedServer.MessageBytesMax - 1000]);
        await call.ChunkAsync(5, new byte[LimitedServer.MessageBytesMax - 1000]); // over DocumentBytesMax
        await call.ChunkAsync(5, new byte[10]); // dropped
        await call.EndAsync(5);
        await call.BeginAsync(6);
        await call.SendAsync(new SealDocumentsRequest { Ref = 6, Abandon = new AbandonDocument() });
        await call.WholeAsync(7, "good"u8.ToArray());

        var answers = await call.FinishAsync();
        Assert.Equal(6, answers.Count);
        var failed = answers.Where(a => a.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Failed).ToDictionary(a => a.Failed.Ref, a => a.Failed);
        Assert.Equal([1ul, 2ul, 3ul, 4ul, 5ul], failed.Keys.Order());
        Assert.Contains("idempotency_key", failed[1].Message, StringComparison.Ordinal);
        Assert.Contains("128", failed[1].Message, StringComparison.Ordinal);
        Assert.Contains("document_id", failed[2].Message, StringComparison.Ordinal);
        Assert.Contains("metadata_commitment", failed[3].Message, StringComparison.Ordinal);
        Assert.Contains("expected_sha256", failed[4].Message, StringComparison.Ordinal);
        Assert.All([1ul, 2ul, 3ul, 4ul], r => Assert.Equal((int)StatusCode.InvalidArgument, failed[r].Code));
        Assert.Equal((int)StatusCode.ResourceExhausted, failed[5].Code);
        Assert.Contains("Seal:Limits:DocumentBytesMax", failed[5].Message, StringComparison.Ordinal);
        Assert.Equal(7ul, Assert.Single(answers, a => a.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Sealed).Sealed.Ref);
    }

    [Fact]
    public async Task SameKey_InOneStream_GivesOneEntry_AndAnotherDocumentAConflict()
    {
        using var call = new BulkCall(limited.Server);
        var key = Guid.NewGuid().ToString();
        await call.FullReceiptsAsync();
        for (ulong i = 0; i < 20; i++)
        {
            await call.WholeAsync(i, "one"u8.ToArray(), key);
        }

        await call.WholeAsync(20, "other"u8.ToArray(), key);
        var answers = await call.FinishAsync();
        Assert.Equal(21, answers.Count);
        var conflict = Assert.Single(answers, a => a.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Failed).Failed;
        Assert.Equal((20ul, (int)StatusCode.AlreadyExists), (conflict.Ref, conflict.Code));
        var sealedOnes = answers.Where(a => a.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Sealed).Select(a => a.Sealed).ToList();
        Assert.Single(sealedOnes, s => !s.AlreadySealed);
        Assert.Single(sealedOnes.Select(s => s.Receipt.Index).Distinct());
    }

    [Fact]
    public async Task CompactAnswers_NameEachRefOnce_AndBatchLimitsHold()
    {
        using var call = new BulkCall(limited.Server);
        for (ulong i = 0; i < 500; i++)
        {
            await call.WholeAsync(i, BitConverter.GetBytes(i));
        }

        var answers = (await call.FinishAsync()).Select(a => a.Compact).ToList();
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (ulong)i), answers.SelectMany(a => a.Refs).Order());
        Assert.All(answers, a => Assert.InRange(a.LeafHashes.Length / 32, 1, 64)); // BatchEntriesMax
    }

    [Fact]
    public async Task TooManyOpenDocuments_EndTheStreamWithTheLimitsName()
    {
        using var call = new BulkCall(limited.Server);
        for (ulong i = 0; i <= LimitedServer.OpenDocumentsMax; i++)
        {
            await call.BeginAsync(i);
        }

        var error = await Assert.ThrowsAsync<RpcException>(call.ReadAllAsync);
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.Contains("Seal:Limits:OpenDocumentsPerStreamMax", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MessageOverTheLimit_IsRefused()
    {
        using var call = new BulkCall(limited.Server);
        await call.WholeAsync(1, new byte[LimitedServer.MessageBytesMax + 1]);
        Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(call.ReadAllAsync)).StatusCode);
    }

    [Fact]
    public async Task ClientThatSendsNothing_IsEnded_AndWhatItSentIsSealed()
    {
        using var call = new BulkCall(limited.Server);
        await call.WholeAsync(1, [1]);
        Assert.Equal(1ul, Assert.Single((await call.ReadOneAsync()).Compact.Refs));
        Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(call.ReadAllAsync)).StatusCode);
    }

    [Fact]
    public async Task MessagesThatMakeNoSense_EndTheStreamAndNameTheField()
    {
        foreach (var (bad, field) in new (Func<BulkCall, Task>, string)[]
        {
            (c => c.ChunkAsync(9, [1]), "ref"),
            (c => c.EndAsync(9), "ref"),
            (c => c.SendAsync(new SealDocumentsRequest { Ref = 1 }), "part"),
            (async c => { await c.WholeAsync(1, []); await c.FullReceiptsAsync(); }, "options"),
            (async c => { await c.BeginAsync(1); await c.BeginAsync(1); }, "ref"),
        })
        {
            using var call = new BulkCall(limited.Server);
            await bad(call);
            var error = await Assert.ThrowsAsync<RpcException>(call.ReadAllAsync);
            Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            var violation = Assert.Single(error.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>()!.FieldViolations);
            Assert.Equal(field, violation.Field);
        }
    }

    [Fact]
    public async Task UnknownLedger_IsNotFound_AndASecondLedgerHasItsOwnTree()
    {
        using var unknown = new BulkCall(limited.Server);
        await unknown.FullReceiptsAsync("nowhere");
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(unknown.ReadAllAsync)).StatusCode);

        using var second = new BulkCall(limited.Server);
        await second.FullReceiptsAsync("second");
        await second.WholeAsync(1, "p256"u8.ToArray());
        var receipt = Assert.Single(await second.FinishAsync()).Sealed.Receipt;
        Assert.StartsWith("seal.test/second\n", receipt.Checkpoint.ToStringUtf8(), StringComparison.Ordinal);
    }
}
