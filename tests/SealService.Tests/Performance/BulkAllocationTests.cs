using System.IO.Pipelines;
using Grpc.Wire;
using SealService.Ledger;
using SealService.Merkle;
using SealService.Tests.Ledger;
using Xunit;

namespace SealService.Tests.Performance;

/// <summary>What a document of a bulk stream allocates: the figures that CI gates. They count every thread, so nothing runs beside them.</summary>
[Collection(nameof(AloneCollection))]
public sealed class BulkAllocationTests
{
    /// <summary>The project's limit for the whole bulk path.</summary>
    private const int BytesPerDocumentMax = 64;

    [Fact]
    public async Task ReadingMessages_AllocatesNothingPerMessage()
    {
        const int Messages = 1000;
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        using var reader = new Reader(pipe.Reader);
        await WriteAsync(pipe.Writer, Messages);
        Assert.Equal(Messages, await CountAsync(reader)); // first use

        await WriteAsync(pipe.Writer, Messages);
        var count = 0;
        var hasMessage = reader.WaitToReadAsync(TestContext.Current.CancellationToken);
        Assert.True(hasMessage.IsCompletedSuccessfully);
        var before = GC.GetAllocatedBytesForCurrentThread();
        while (reader.TryRead(out _))
        {
            count++;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(Messages, count);
    }

    [Fact]
    public async Task SealingDocuments_AllocatesAtMostTheLimitPerDocument()
    {
        const int Few = 1_000;
        const int Many = 11_000;
        await using var fixture = new LedgerFixture();
        // No sorted run may fall due between the two measurements; what the index keeps in memory is the index's and stays bounded.
        fixture.Options = fixture.Options with { IndexKeysInMemoryMax = 1 << 20 };
        var ledger = await fixture.OpenAsync();
        for (var i = 0; i < 4; i++)
        {
            await SealAsync(ledger, Many); // fills the pools
        }

        var perDocument = (await MeasureAsync(fixture, Many) - await MeasureAsync(fixture, Few)) / (double)(Many - Few);
        Assert.True(perDocument <= BytesPerDocumentMax, $"{perDocument} bytes a document");
    }

    /// <summary>
    /// The least of some measurements: on a busy machine about one in four has a megabyte more, the size of a batch's buffers. What each
    /// document costs is in all of them.
    /// </summary>
    private static async Task<long> MeasureAsync(LedgerFixture fixture, int documents)
    {
        var least = long.MaxValue;
        for (var i = 0; i < 12; i++)
        {
            var records = fixture.Memory.Count;
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await SealAsync(fixture.Ledger, documents);
            var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
            // Records in memory stand for the disk: the storage's copies are not the service's.
            var stored = Enumerable.Range(records, fixture.Memory.Count - records).Sum(r => (long)fixture.Memory[r].Length);
            least = Math.Min(least, allocated - stored);
        }

        return least;
    }

    private static async Task SealAsync(SealLedger ledger, int documents)
    {
        using var writer = ledger.CreateWriter();
        Span<byte> digest = stackalloc byte[Sha256.DigestSize];
        while (!writer.TryEnter())
        {
            Assert.True(writer.WaitToEnterAsync(TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult());
        }

        for (var i = 0; i < documents; i++)
        {
            digest[0] = (byte)i;
            digest[1] = (byte)(i >> 8);
            Assert.True(writer.TryAdd((ulong)i, new DocumentSeal { Kind = EntryKind.Document, Digest = digest, SizeBytes = 1024 }));
        }

        writer.Leave();
        writer.Complete();
        var count = 0;
        while (await writer.ReadSealedAsync(TestContext.Current.CancellationToken) is { } segment)
        {
            using (segment)
            {
                Assert.Null(segment.Failure);
                count += segment.Count;
            }
        }

        Assert.Equal(documents, count);
    }

    private static async Task WriteAsync(PipeWriter writer, int messages)
    {
        byte[] message = [0, 0, 0, 0, 3, 1, 2, 3];
        for (var i = 0; i < messages; i++)
        {
            await writer.WriteAsync(message, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<int> CountAsync(Reader reader)
    {
        var count = 0;
        Assert.True(await reader.WaitToReadAsync(TestContext.Current.CancellationToken));
        while (reader.TryRead(out _))
        {
            count++;
        }

        return count;
    }

    private sealed class Reader(PipeReader pipe) : MessageReader(pipe, new ReceiveLimits(1024), acceptsCompressed: false)
    {
        protected override Exception WaitWasCancelled() => new OperationCanceledException();

        protected override Exception Translate(Exception transportFailure) => transportFailure;
    }
}

/// <summary>Tests that nothing may run beside.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;
