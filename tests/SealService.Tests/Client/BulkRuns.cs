using System.Globalization;
using System.Text;
using SealService.Client;
using Xunit;

namespace SealService.Tests.Client;

/// <summary>What the tests of bulk runs share: options, documents and a run to its end.</summary>
internal static class BulkRuns
{
    /// <summary>Small sizes, so that a few bytes go in chunks, and no waiting.</summary>
    public static readonly BulkSealOptions Options = new()
    {
        WholeDocumentBytesMax = 64,
        ChunkBytes = 50,
        ReconnectDelay = TimeSpan.FromMilliseconds(1),
        ReconnectDelayMax = TimeSpan.FromMilliseconds(2),
        Jitter = new Random(4711),
    };

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<List<SealResult>> SealAllAsync(SealClient client, IReadOnlyList<DocumentToSeal> documents, BulkSealOptions? options = null)
    {
        var results = new List<SealResult>();
        await foreach (var result in client.SealAllAsync(documents.ToAsyncEnumerable(), options ?? Options, Cancellation))
        {
            results.Add(result);
        }

        return results;
    }

    /// <summary>Documents of 0 to some 300 bytes, from memory and from streams.</summary>
    public static DocumentToSeal Document(int number)
    {
        var name = $"{number}";
        var content = Content(name);
        var document = number % 2 == 0
            ? DocumentToSeal.FromBytes(name, content)
            : DocumentToSeal.FromStream(name, () => new MemoryStream(content, writable: false));
        return document with { DocumentId = name };
    }

    public static byte[] Content(string name) =>
        Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"document {name}. ", int.Parse(name, CultureInfo.InvariantCulture) % 20)));

    public static DocumentToSeal Sized(string name, int size) =>
        DocumentToSeal.FromBytes(name, Enumerable.Range(0, size).Select(i => (byte)(i * 31)).ToArray()) with { DocumentId = name };

    public static int EntriesWithKey(FakeLedger ledger) => Enumerable.Range(0, (int)ledger.TreeSize)
        .Count(index => EntryDetails.TryRead(ledger[index], out var entry, out _) && entry.IdempotencyKeySha256 is not null);
}
