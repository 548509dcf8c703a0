using System.Runtime.CompilerServices;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using SealService.Client;
using SealService.Merkle;
using Xunit;
using Answer = Seal.V1.CompactReceipts;
using Part = Seal.V1.SealDocumentsRequest.PartOneofCase;

namespace SealService.Tests.Client;

/// <summary>Bulk runs against a server that answers in batches, breaks, refuses and lies.</summary>
public sealed class BulkSealTests
{
    /// <summary>Small sizes, so that a few bytes go in chunks, and no waiting.</summary>
    private static readonly BulkSealOptions Options = new()
    {
        WholeDocumentBytesMax = 64,
        ChunkBytes = 50,
        ReconnectDelay = TimeSpan.FromMilliseconds(1),
        ReconnectDelayMax = TimeSpan.FromMilliseconds(2),
        Jitter = new Random(4711),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task SealAll_ManySizes_GivesEachDocumentAReceiptThatVerifies(int connections)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient(connections);
        var documents = Enumerable.Range(0, 300).Select(Document).ToList();

        var results = await SealAllAsync(client, documents);

        Assert.Equal(300, results.Count);
        var verifier = new ReceiptVerifier([server.Ledger.Key]);
        Assert.Equal(300, results.DistinctBy(result => result.Document).Count());
        foreach (var result in results)
        {
            Assert.True(result.IsSealed, result.Failure?.Message);
            var content = Content(result.Document.Name);
            var report = verifier.Verify(result.Receipt, Sha256.HashData(content), content.Length);
            Assert.True(report.IsValid, report.FirstFailure?.Detail);
        }
    }

    [Fact]
    public async Task SealAll_BigDocuments_GoInTurnWithSmallOnesBetween()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [Sized("big", 5000), Sized("other", 5000), Sized("small", 10)]);

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        var messages = server.Sealing.Messages.ToList();
        var bigRef = messages.First(m => m.DocumentId == "big").Reference;
        var otherRef = messages.First(m => m.DocumentId == "other").Reference;
        var smallAt = messages.FindIndex(m => m.DocumentId == "small");
        Assert.True(smallAt < messages.FindIndex(m => m.Reference == bigRef && m.Part == Part.End));
        Assert.True(messages.FindIndex(m => m.Reference == otherRef && m.Part == Part.Chunk) < messages.FindIndex(m => m.Reference == bigRef && m.Part == Part.End));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(100, false)]
    public async Task SealAll_SizeAtTheLimit_DecidesTheForm(int size, bool isWhole)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        var result = await client.SealAsync(Sized("one", size), Options, Cancellation);

        Assert.True(result.IsSealed, result.Failure?.Message);
        Assert.Equal(size, result.SizeBytes);
        Assert.Contains(server.Sealing.Messages, message => message.Part == (isWhole ? Part.Whole : Part.Begin));
    }

    [Fact]
    public async Task SealAll_StreamsBreakWithAnswersLost_SealsEachDocumentOnce()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.BreakAfterBatches = 2;
        server.Sealing.BreaksMax = 3;
        await using var client = server.CreateClient(connections: 2);
        var documents = Enumerable.Range(0, 200).Select(Document).ToList();

        var results = await SealAllAsync(client, documents);

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        Assert.Equal(200, results.DistinctBy(result => result.Receipt!.Index).Count());
        Assert.Contains(results, result => result.AlreadySealed);
        Assert.Equal(200, EntriesWithKey(server.Ledger));
        Assert.True(server.Sealing.Streams > 2);
    }

    [Fact]
    public async Task SealAll_ServerRestarts_GoesOnWithTheNewOne()
    {
        var first = await FakeSealServer.StartAsync();
        await using var client = first.CreateClient();
        FakeSealServer? second = null;
        var results = new List<SealResult>();

        await foreach (var result in client.SealAllAsync(Documents(), Options, Cancellation))
        {
            results.Add(result);
        }

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        Assert.Equal(40, results.Count);
        Assert.Equal(40, EntriesWithKey(first.Ledger));
        Assert.Equal(1, second!.Sealing.Streams);
        await second.DisposeAsync();

        async IAsyncEnumerable<DocumentToSeal> Documents()
        {
            for (var i = 0; i < 40; i++)
            {
                if (i == 20)
                {
                    await first.DisposeAsync();
                    second = await FakeSealServer.StartAsync(first.Ledger, first.Address.Port);
                }

                yield return Document(i);
            }
        }
    }

    [Fact]
    public async Task SealAll_ServerNeverComesBack_GivesUpWithUnavailable()
    {
        var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        await server.DisposeAsync();

        var options = Options with { GiveUpAfter = TimeSpan.FromMilliseconds(20) };
        var exception = await Assert.ThrowsAsync<RpcException>(() => client.SealAsync(Document(1), options, Cancellation));

        Assert.Equal(StatusCode.Unavailable, exception.StatusCode);
    }

    [Fact]
    public async Task SealAll_DocumentUnavailableForAWhile_IsSentAgainUnderItsKey()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.Failures["7"] = (StatusCode.Unavailable, 3);
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 10).Select(Document)]);

        Assert.All(results, result => Assert.True(result.IsSealed, result.Failure?.Message));
        Assert.Equal(4, server.Sealing.Messages.Count(message => message.DocumentId == "7"));
        Assert.Equal(10, EntriesWithKey(server.Ledger));
    }

    [Fact]
    public async Task SealAll_DocumentUnavailableForGood_FailsAfterItsResends()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.Failures["7"] = (StatusCode.Unavailable, int.MaxValue);
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 10).Select(Document)], Options with { ResendsMax = 2 });

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal("7", failed.Document.DocumentId);
        Assert.Equal(StatusCode.Unavailable, failed.Failure!.Code);
        Assert.Equal(3, server.Sealing.Messages.Count(message => message.DocumentId == "7"));
    }

    [Fact]
    public async Task SealAll_DocumentRejected_FailsAloneAndAtOnce()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.Failures["3"] = (StatusCode.ResourceExhausted, int.MaxValue);
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 10).Select(Document)]);

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal((SealFailureReason.Rejected, StatusCode.ResourceExhausted, "told to fail 3"), (failed.Failure!.Reason, failed.Failure.Code, failed.Failure.Message));
    }

    [Fact]
    public async Task SealAll_FileThatIsNotThere_FailsAloneAndIsNotSent()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        var results = await SealAllAsync(client, [Document(1), DocumentToSeal.FromFile("/not/there"), Document(2)]);

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal(SealFailureReason.Unreadable, failed.Failure!.Reason);
        Assert.Equal(2, EntriesWithKey(server.Ledger));
    }

    [Fact]
    public async Task SealAll_ContentThatBreaksOffMidway_IsAbandoned()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var broken = DocumentToSeal.FromStream("broken", () => new BreakingStream(goodBytes: 200)) with { DocumentId = "broken" };

        var results = await SealAllAsync(client, [broken, Document(1)]);

        var failed = Assert.Single(results, result => !result.IsSealed);
        Assert.Equal(SealFailureReason.Unreadable, failed.Failure!.Reason);
        Assert.Contains(server.Sealing.Messages, message => message.Part == Part.Abandon);
        Assert.Equal(1, EntriesWithKey(server.Ledger));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(500)]
    public async Task SealAll_NotTheExpectedDigest_IsNotSealed(int size)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var document = Sized("one", size) with { ExpectedDigest = Sha256.HashData("something else"u8) };

        var result = await client.SealAsync(document, Options, Cancellation);

        Assert.Equal(StatusCode.InvalidArgument, result.Failure?.Code);
        Assert.Equal(0, EntriesWithKey(server.Ledger));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(500)]
    public async Task SealAll_DerivedKey_FollowsFromTheDigest(int size)
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var document = Sized("one", size) with { DeriveIdempotencyKey = digest => $"key of {digest}" };

        var first = await client.SealAsync(document, Options, Cancellation);
        var second = await client.SealAsync(document, Options, Cancellation);

        Assert.False(first.AlreadySealed);
        Assert.True(second.AlreadySealed);
        Assert.Equal(first.Receipt!.Index, second.Receipt!.Index);
        Assert.True(EntryDetails.TryRead(first.Receipt.Entry.Span, out var entry, out _));
        Assert.Equal(Sha256.HashData(Encoding.UTF8.GetBytes($"key of {first.Digest}")), entry.IdempotencyKeySha256);
    }

    [Fact]
    public async Task SealAll_KeyUsedForOtherContent_Fails()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        await client.SealAsync(Sized("one", 10) with { IdempotencyKey = "k" }, Options, Cancellation);
        var second = await client.SealAsync(Sized("two", 11) with { IdempotencyKey = "k" }, Options, Cancellation);

        Assert.Equal(StatusCode.AlreadyExists, second.Failure?.Code);
    }

    [Fact]
    public async Task SealAll_NarrowWindow_SealsEverything()
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Sealing.BatchSize = 1;
        await using var client = server.CreateClient(connections: 2);
        var options = Options with { OutstandingDocumentsMax = 1, OutstandingBytesMax = 1, InterleavedDocumentsMax = 1 };

        var results = await SealAllAsync(client, [.. Enumerable.Range(0, 60).Select(Document)], options);

        Assert.Equal(60, results.Count(result => result.IsSealed));
    }

    [Fact]
    public async Task SealAll_NoDocuments_EndsWithoutAStream()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        Assert.Empty(await SealAllAsync(client, []));
        Assert.Equal(0, server.Sealing.Streams);
    }

    [Fact]
    public async Task SealAll_CallerLeavesMidway_StopsThePump()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();
        var stopped = new TaskCompletionSource();

        await foreach (var result in client.SealAllAsync(Endless(Cancellation), Options, Cancellation))
        {
            Assert.True(result.IsSealed, result.Failure?.Message);
            break;
        }

        await stopped.Task.WaitAsync(Cancellation);

        async IAsyncEnumerable<DocumentToSeal> Endless([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            try
            {
                for (var i = 0; !cancellationToken.IsCancellationRequested; i++)
                {
                    await Task.Yield();
                    yield return Document(i);
                }
            }
            finally
            {
                stopped.SetResult();
            }
        }
    }

    [Fact]
    public async Task SealAll_SourceFails_GivesTheCallerItsException()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient();

        await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var _ in client.SealAllAsync(Failing(), Options, Cancellation))
            {
            }
        });

        static async IAsyncEnumerable<DocumentToSeal> Failing()
        {
            await Task.Yield();
            yield return Document(1);
            throw new InvalidDataException("the source is broken");
        }
    }

    private static readonly Dictionary<string, Action<Answer>> Lies = new(StringComparer.Ordinal)
    {
        ["leaf"] = answer => answer.LeafHashes = Flip(answer.LeafHashes, 0),
        ["left range"] = answer => answer.LeftRange = Flip(answer.LeftRange, 0),
        ["right range"] = answer => answer.RightRange = Flip(answer.RightRange, 0),
        ["range that is missing"] = answer => answer.RightRange = ByteString.Empty,
        ["index"] = answer => answer.FirstIndex++,
        ["salt"] = answer => answer.SaltKey = Flip(answer.SaltKey, 3),
        ["salt of another length"] = answer => answer.SaltKey = ByteString.CopyFrom(1, 2, 3),
        ["time"] = answer => answer.SealedAtUnixMs++,
        ["time offset"] = answer => answer.SealedAtOffsetsMs[0]++,
        ["checkpoint text"] = answer => answer.Checkpoint = Flip(answer.Checkpoint, 25),
        ["signature"] = answer => answer.Checkpoint = Flip(answer.Checkpoint, answer.Checkpoint.Length - 12),
        ["ref that nobody sent"] = answer => answer.Refs[0] = 1_000_000,
        ["a ref too many"] = answer => answer.Refs.Add(answer.Refs[0]),
        ["hashes that are not whole"] = answer => answer.LeafHashes = ByteString.CopyFrom(answer.LeafHashes.Span[1..]),
    };

    public static TheoryData<string> LieNames => [.. Lies.Keys];

    [Theory]
    [MemberData(nameof(LieNames))]
    public async Task SealAll_AnswerThatIsALie_IsNotBelieved(string what)
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Ledger.Tamper = Lies[what];
        await using var client = server.CreateClient();

        var exception = await Record.ExceptionAsync(() => client.SealAsync(Document(1), Options, Cancellation));

        Assert.True(exception is InvalidAnswerException, $"{what}: {exception?.ToString() ?? "was believed"}");
    }

    [Fact]
    public async Task SealAll_SignedByAnotherKey_IsNotBelieved()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient(keys: new FakeLedger(server.Ledger.Origin).Key);

        await Assert.ThrowsAsync<InvalidAnswerException>(() => client.SealAsync(Document(1), Options, Cancellation));
    }

    [Fact]
    public async Task SealAll_WithoutKeys_StillChecksTheProofs()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = new SealClient(new SealClientOptions { Address = server.Address });

        Assert.True((await client.SealAsync(Document(1), Options, Cancellation)).IsSealed);
        server.Ledger.Tamper = answer => answer.LeafHashes = Flip(answer.LeafHashes, 0);
        await Assert.ThrowsAsync<InvalidAnswerException>(() => client.SealAsync(Document(2), Options, Cancellation));
    }

    private static ByteString Flip(ByteString bytes, int at)
    {
        var changed = bytes.ToByteArray();
        changed[at] ^= 1;
        return ByteString.CopyFrom(changed);
    }

    private static async Task<List<SealResult>> SealAllAsync(SealClient client, IReadOnlyList<DocumentToSeal> documents, BulkSealOptions? options = null)
    {
        var results = new List<SealResult>();
        await foreach (var result in client.SealAllAsync(documents.ToAsyncEnumerable(), options ?? Options, Cancellation))
        {
            results.Add(result);
        }

        return results;
    }

    /// <summary>Documents of 0 to some 300 bytes, from memory and from streams.</summary>
    private static DocumentToSeal Document(int number)
    {
        var name = $"{number}";
        var content = Content(name);
        var document = number % 2 == 0
            ? DocumentToSeal.FromBytes(name, content)
            : DocumentToSeal.FromStream(name, () => new MemoryStream(content, writable: false));
        return document with { DocumentId = name };
    }

    private static byte[] Content(string name) =>
        Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"document {name}. ", int.Parse(name, System.Globalization.CultureInfo.InvariantCulture) % 20)));

    private static DocumentToSeal Sized(string name, int size) =>
        DocumentToSeal.FromBytes(name, Enumerable.Range(0, size).Select(i => (byte)(i * 31)).ToArray()) with { DocumentId = name };

    private static int EntriesWithKey(FakeLedger ledger) => Enumerable.Range(0, (int)ledger.TreeSize)
        .Count(index => EntryDetails.TryRead(ledger[index], out var entry, out _) && entry.IdempotencyKeySha256 is not null);

    private sealed class BreakingStream(int goodBytes) : MemoryStream
    {
        private int _left = goodBytes;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left == 0)
            {
                throw new IOException("the disk is broken");
            }

            var read = Math.Min(_left, buffer.Length);
            _left -= read;
            buffer.Span[..read].Clear();
            return new ValueTask<int>(read);
        }
    }
}
