using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>The calls beside bulk sealing: one document, digests, reads, proofs, verification, keys.</summary>
public sealed class ReadAndVerifyTests(LimitedServer limited) : IClassFixture<LimitedServer>, IDisposable
{
    private readonly GrpcChannel _channel = GrpcChannel.ForAddress(limited.Server.Url);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _channel.Dispose();

    [Fact]
    public async Task SealDocument_AndAgainWithTheSameKey_GivesTheSameEntry()
    {
        var content = RandomNumberGenerator.GetBytes(1000);
        var key = Guid.NewGuid().ToString();
        var first = await SealAsync(content, key, "contract-1");
        var second = await SealAsync(content, key, "contract-1");
        Assert.False(first.AlreadySealed);
        Assert.True(second.AlreadySealed);
        Assert.Equal(first.Receipt.Entry, second.Receipt.Entry);
        Assert.Equal(first.Receipt.Index, second.Receipt.Index);
        (await ServerKeys.CreateVerifierAsync(limited.Server)).AssertValid(second.Receipt, content);

        var conflict = await Assert.ThrowsAsync<RpcException>(() => SealAsync([1], key, ""));
        Assert.Equal(StatusCode.AlreadyExists, conflict.StatusCode);
        var tooLarge = await Assert.ThrowsAsync<RpcException>(() => SealAsync(new byte[LimitedServer.DocumentBytesMax + 1], "", ""));
        Assert.Equal(StatusCode.ResourceExhausted, tooLarge.StatusCode);
    }

    [Fact]
    public async Task GetReceipt_FindsByIndexIdAndDigest_AndSaysWhenThereIsNone()
    {
        var content = RandomNumberGenerator.GetBytes(77);
        var id = Guid.NewGuid().ToString();
        var receipt = (await SealAsync(content, "", id)).Receipt;
        var client = new Sealing.SealingClient(_channel);
        foreach (var request in new[]
        {
            new GetReceiptRequest { Index = receipt.Index },
            new GetReceiptRequest { DocumentId = id },
            new GetReceiptRequest { Digest = ByteString.CopyFrom(SHA256.HashData(content)) },
        })
        {
            Assert.Equal(receipt.Entry, (await client.GetReceiptAsync(request, cancellationToken: Cancellation)).Receipt.Entry);
        }

        foreach (var (request, code) in new[]
        {
            (new GetReceiptRequest { Index = 1L << 40 }, StatusCode.NotFound),
            (new GetReceiptRequest { Index = -1 }, StatusCode.InvalidArgument),
            (new GetReceiptRequest { DocumentId = "no such id" }, StatusCode.NotFound),
            (new GetReceiptRequest { Digest = ByteString.CopyFrom(1) }, StatusCode.InvalidArgument),
            (new GetReceiptRequest(), StatusCode.InvalidArgument),
        })
        {
            var error = await Assert.ThrowsAsync<RpcException>(async () => await client.GetReceiptAsync(request, cancellationToken: Cancellation));
            Assert.Equal(code, error.StatusCode);
        }
    }

    [Fact]
    public async Task SealDigests_SealsEach_AndRefusesRaggedOnes()
    {
        using var call = new Sealing.SealingClient(_channel).SealDigests(cancellationToken: Cancellation);
        var digests = RandomNumberGenerator.GetBytes(32 * 300);
        await call.RequestStream.WriteAsync(new SealDigestsRequest { FirstRef = 10, Algorithm = DigestAlgorithm.Sha256, Digests = ByteString.CopyFrom(digests) }, Cancellation);
        await call.RequestStream.CompleteAsync();
        var refs = new List<ulong>();
        await foreach (var answer in call.ResponseStream.ReadAllAsync(Cancellation))
        {
            refs.AddRange(answer.Compact.Refs);
        }

        Assert.Equal(Enumerable.Range(10, 300).Select(i => (ulong)i), refs.Order());
        var found = await new Sealing.SealingClient(_channel).GetReceiptAsync(
            new GetReceiptRequest { Digest = ByteString.CopyFrom(digests, 32 * 299, 32) }, cancellationToken: Cancellation);
        Assert.Equal(EntryKind.Digest, LogEntry.Parser.ParseFrom(found.Receipt.Entry).Kind);

        foreach (var (bad, field) in new[]
        {
            (new SealDigestsRequest { Algorithm = DigestAlgorithm.Sha256, Digests = ByteString.CopyFrom(new byte[33]) }, "digests"),
            (new SealDigestsRequest { Digests = ByteString.CopyFrom(new byte[32]) }, "algorithm"),
            (new SealDigestsRequest { Algorithm = DigestAlgorithm.Sha256, Digests = ByteString.CopyFrom(new byte[32]), DocumentIds = { "a", "b" } }, "document_ids"),
            (new SealDigestsRequest { Algorithm = DigestAlgorithm.Sha256, Digests = ByteString.CopyFrom(new byte[32 * 501]) }, "digests"),
            (new SealDigestsRequest { IdempotencyKeys = { Enumerable.Repeat("k", 501) } }, "SealDigestsRequest"),
        })
        {
            using var refused = new Sealing.SealingClient(_channel).SealDigests(cancellationToken: Cancellation);
            await refused.RequestStream.WriteAsync(bad, Cancellation);
            var error = await Assert.ThrowsAsync<RpcException>(() => refused.ResponseStream.MoveNext(Cancellation));
            Assert.Equal(field, Assert.Single(error.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>()!.FieldViolations).Field);
        }
    }

    [Fact]
    public async Task SealDigests_Columns_BelongToTheirDigests_AndABadOneFailsAlone()
    {
        using var call = new Sealing.SealingClient(_channel).SealDigests(cancellationToken: Cancellation);
        var digests = RandomNumberGenerator.GetBytes(32 * 3);
        var keys = new[] { Guid.NewGuid().ToString(), Guid.NewGuid().ToString(), Guid.NewGuid().ToString() };
        var request = new SealDigestsRequest
        {
            Algorithm = DigestAlgorithm.Sha256,
            Digests = ByteString.CopyFrom(digests),
            DocumentSizesBytes = { 10, -1, 30 },
            IdempotencyKeys = { keys },
            DocumentIds = { "", "", keys[2] },
        };
        await call.RequestStream.WriteAsync(request, Cancellation);
        await call.RequestStream.WriteAsync(request, Cancellation); // the same keys again
        await call.RequestStream.CompleteAsync();
        var answers = new List<SealDigestsResponse>();
        await foreach (var answer in call.ResponseStream.ReadAllAsync(Cancellation))
        {
            answers.Add(answer);
        }

        Assert.Equal([1ul, 1ul], answers.Where(a => a.AnswerCase == SealDigestsResponse.AnswerOneofCase.Failed).Select(a => a.Failed.Ref));
        Assert.Equal(2, answers.Where(a => a.AnswerCase == SealDigestsResponse.AnswerOneofCase.Compact).Sum(a => a.Compact.Refs.Count));
        Assert.Equal([0ul, 2ul], answers.Where(a => a.AnswerCase == SealDigestsResponse.AnswerOneofCase.Sealed).Select(a => a.Sealed.Ref).Order());
        var found = (await new Sealing.SealingClient(_channel).GetReceiptAsync(new GetReceiptRequest { DocumentId = keys[2] }, cancellationToken: Cancellation)).Receipt;
        Assert.Equal(30, LogEntry.Parser.ParseFrom(found.Entry).DocumentSizeBytes);
    }

    [Fact]
    public async Task FirstMessageWithHeaderAndChunk_IsRefused_NotShortened()
    {
        // Two messages of a oneof in one, as a lax encoder might write them.
        var both = new SealDocumentRequest { Header = new SealDocumentHeader() }.ToByteArray().Concat(new SealDocumentRequest { Chunk = ByteString.CopyFromUtf8("lost") }.ToByteArray()).ToArray();
        var method = new Method<byte[], byte[]>(
            MethodType.ClientStreaming, "seal.v1.Sealing", "SealDocument", Marshallers.Create(static b => b, static b => b), Marshallers.Create(static b => b, static b => b));
        using var call = _channel.CreateCallInvoker().AsyncClientStreamingCall(method, null, new CallOptions(cancellationToken: Cancellation));
        await call.RequestStream.WriteAsync(both, Cancellation);
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
    }

    [Fact]
    public async Task LedgerReads_AgreeWithEachOther()
    {
        await SealAsync([1], "", "");
        var ledger = new Seal.V1.Ledger.LedgerClient(_channel);
        var before = (await ledger.GetCheckpointAsync(new GetCheckpointRequest(), cancellationToken: Cancellation)).Checkpoint;
        using var watch = ledger.WatchCheckpoints(new WatchCheckpointsRequest(), cancellationToken: Cancellation);
        Assert.True(await watch.ResponseStream.MoveNext(Cancellation));
        await SealAsync([2], "", "");
        Assert.True(await watch.ResponseStream.MoveNext(Cancellation));
        var after = watch.ResponseStream.Current.Checkpoint;
        Assert.True(after.TreeSize > before.TreeSize);

        var consistency = await ledger.GetConsistencyProofAsync(
            new GetConsistencyProofRequest { FirstSize = before.TreeSize, SecondSize = after.TreeSize }, cancellationToken: Cancellation);
        Assert.Equal((before.RootHash, after.RootHash), (consistency.FirstRootHash, consistency.SecondRootHash));
        Assert.True(Merkle.ConsistencyProof.Verify(
            before.TreeSize, after.TreeSize, Hash(before.RootHash), Hash(after.RootHash), consistency.Hashes.Select(Hash).ToArray()));

        var inclusion = await ledger.GetInclusionProofAsync(new GetInclusionProofRequest { Index = 0, TreeSize = after.TreeSize }, cancellationToken: Cancellation);
        Assert.True(Merkle.InclusionProof.Verify(Hash(inclusion.LeafHash), 0, after.TreeSize, inclusion.Hashes.Select(Hash).ToArray(), Hash(after.RootHash)));

        using var entries = ledger.GetEntries(new GetEntriesRequest { Count = 1 }, cancellationToken: Cancellation);
        Assert.True(await entries.ResponseStream.MoveNext(Cancellation));
        Assert.Equal(inclusion.LeafHash.ToByteArray(), SHA256.HashData([0, .. entries.ResponseStream.Current.Entries[0].ToByteArray()]));

        foreach (var call in new Func<Task>[]
        {
            async () => await ledger.GetInclusionProofAsync(new GetInclusionProofRequest { Index = 5, TreeSize = 1L << 40 }, cancellationToken: Cancellation),
            async () => await ledger.GetConsistencyProofAsync(new GetConsistencyProofRequest { FirstSize = 2, SecondSize = 1 }, cancellationToken: Cancellation),
        })
        {
            Assert.Equal(StatusCode.OutOfRange, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
        }
    }

    [Fact]
    public async Task FindEntries_PagesNewestFirst()
    {
        var id = Guid.NewGuid().ToString();
        var sealedAt = new List<long>();
        for (byte i = 0; i < 12; i++)
        {
            sealedAt.Add((await SealAsync([i], "", id)).Receipt.Index);
        }

        var ledger = new Seal.V1.Ledger.LedgerClient(_channel);
        var found = new List<long>();
        var token = "";
        do
        {
            var page = await ledger.FindEntriesAsync(
                new FindEntriesRequest { DocumentId = id, PageSize = LimitedServer.FindPageSizeMax, PageToken = token }, cancellationToken: Cancellation);
            Assert.InRange(page.Entries.Count, 1, LimitedServer.FindPageSizeMax);
            found.AddRange(page.Entries.Select(e => e.Index));
            token = page.NextPageToken;
        }
        while (token.Length > 0);
        Assert.Equal(sealedAt.AsEnumerable().Reverse(), found);

        var tooMany = await Assert.ThrowsAsync<RpcException>(async () => await ledger.FindEntriesAsync(
            new FindEntriesRequest { DocumentId = id, PageSize = LimitedServer.FindPageSizeMax + 1 }, cancellationToken: Cancellation));
        Assert.Contains("Seal:Limits:FindPageSizeMax", tooMany.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verification_ReportsEachCheck()
    {
        var content = RandomNumberGenerator.GetBytes(500);
        var receipt = (await SealAsync(content, "", "")).Receipt;
        Assert.All((await VerifyAsync(receipt, content)).Checks, c => Assert.Equal(CheckOutcome.Passed, c.Outcome));
        var changed = await VerifyAsync(receipt, [.. content, 0]);
        Assert.Equal(Verdict.NotValid, changed.Verdict);
        Assert.Equal([CheckKind.Digest, CheckKind.Size], changed.Checks.Where(c => c.Outcome == CheckOutcome.Failed).Select(c => c.Kind));

        using var many = new Verification.VerificationClient(_channel).VerifyReceipts(cancellationToken: Cancellation);
        var tampered = receipt.Clone();
        tampered.Index++;
        await many.RequestStream.WriteAsync(new VerifyReceiptsRequest { Ref = 1, Receipt = receipt, Document = ByteString.CopyFrom(content) }, Cancellation);
        await many.RequestStream.WriteAsync(new VerifyReceiptsRequest { Ref = 2, Receipt = tampered, Digest = ByteString.CopyFrom(SHA256.HashData(content)) }, Cancellation);
        await many.RequestStream.WriteAsync(new VerifyReceiptsRequest { Ref = 3, Receipt = receipt }, Cancellation);
        await many.RequestStream.CompleteAsync();
        var verdicts = new List<(ulong, Verdict)>();
        await foreach (var answer in many.ResponseStream.ReadAllAsync(Cancellation))
        {
            verdicts.Add((answer.Ref, answer.Report.Verdict));
        }

        Assert.Equal([(1ul, Verdict.Valid), (2ul, Verdict.NotValid), (3ul, Verdict.Valid)], verdicts);
    }

    [Fact]
    public async Task ListKeys_NamesTheKeysOfBothLedgers()
    {
        var keys = (await new Keys.KeysClient(_channel).ListKeysAsync(new ListKeysRequest(), cancellationToken: Cancellation)).Keys;
        Assert.Equal([KeyAlgorithm.Ed25519, KeyAlgorithm.EcdsaP256Sha256], keys.Select(k => k.Algorithm));
        Assert.All(keys, k =>
        {
            Assert.True(Merkle.VerifierKey.TryParse(k.Vkey, out var key, out var error), error);
            Assert.Equal(k.PublicKeySpki.ToByteArray(), key.ToSubjectPublicKeyInfo());
            Assert.Equal(key.KeyId.ToString("x8", System.Globalization.CultureInfo.InvariantCulture), Convert.ToHexStringLower(k.KeyId.Span));
        });
    }

    private static Merkle.MerkleHash Hash(ByteString bytes) => Merkle.MerkleHash.Read(bytes.Span);

    private async Task<SealDocumentResponse> SealAsync(byte[] content, string key, string id)
    {
        using var call = new Sealing.SealingClient(_channel).SealDocument(cancellationToken: Cancellation);
        await call.RequestStream.WriteAsync(
            new SealDocumentRequest { Header = new SealDocumentHeader { Document = new DocumentHeader { IdempotencyKey = key, DocumentId = id } } }, Cancellation);
        foreach (var chunk in content.Chunk(40_000))
        {
            await call.RequestStream.WriteAsync(new SealDocumentRequest { Chunk = ByteString.CopyFrom(chunk) }, Cancellation);
        }

        await call.RequestStream.CompleteAsync();
        return await call.ResponseAsync;
    }

    private async Task<VerificationReport> VerifyAsync(Receipt receipt, byte[] content)
    {
        using var call = new Verification.VerificationClient(_channel).VerifyDocument(cancellationToken: Cancellation);
        await call.RequestStream.WriteAsync(new VerifyDocumentRequest { Receipt = receipt }, Cancellation);
        await call.RequestStream.WriteAsync(new VerifyDocumentRequest { Chunk = ByteString.CopyFrom(content) }, Cancellation);
        await call.RequestStream.CompleteAsync();
        return (await call.ResponseAsync).Report;
    }
}
