using SealService.Ledger;
using SealService.Ledger.Storage;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class LedgerOptionsTests
{
    private static readonly LedgerOptions Valid = new() { Folder = "folder", Origin = "origin" };

    public static TheoryData<string, LedgerOptions> Invalid => new()
    {
        { nameof(LedgerOptions.Folder), Valid with { Folder = "" } },
        { nameof(LedgerOptions.Origin), Valid with { Origin = " " } },
        { nameof(LedgerOptions.EntriesPerBatchMax), Valid with { EntriesPerBatchMax = 0 } },
        { nameof(LedgerOptions.BatchInterval), Valid with { BatchInterval = TimeSpan.FromSeconds(11) } },
        { nameof(LedgerOptions.LongBatchInterval), Valid with { LongBatchInterval = TimeSpan.FromSeconds(11) } },
        { nameof(LedgerOptions.EntriesForLongIntervalMin), Valid with { EntriesForLongIntervalMin = 1 } },
        { nameof(LedgerOptions.DocumentBytesForLongIntervalMin), Valid with { DocumentBytesForLongIntervalMin = -1 } },
        { nameof(LedgerOptions.EntriesForIntervalMin), Valid with { EntriesForIntervalMin = -1 } },
        { nameof(LedgerOptions.BatchBytesMax), Valid with { BatchBytesMax = 100 } },
        { nameof(LedgerOptions.EntriesPerSegmentMax), Valid with { EntriesPerSegmentMax = 0 } },
        { nameof(LedgerOptions.UnreadSegmentsPerWriterMax), Valid with { UnreadSegmentsPerWriterMax = 0 } },
        { nameof(LedgerOptions.UnreadBytesMax), Valid with { UnreadBytesMax = 0 } },
        { nameof(LedgerOptions.SigningTimeout), Valid with { SigningTimeout = TimeSpan.Zero } },
        { nameof(LedgerOptions.AppendTimeout), Valid with { AppendTimeout = TimeSpan.FromDays(1) } },
        { nameof(LedgerOptions.EntriesPerSnapshot), Valid with { EntriesPerSnapshot = 0 } },
        { nameof(LedgerOptions.BytesAwaitingIndexMax), Valid with { BytesAwaitingIndexMax = -1 } },
        { nameof(LedgerOptions.IndexKeysInMemoryMax), Valid with { IndexKeysInMemoryMax = 1 } },
        { nameof(LedgerOptions.RecordCacheBytesMax), Valid with { RecordCacheBytesMax = -1 } },
        { nameof(LedgerOptions.RecordReadsMax), Valid with { RecordReadsMax = 0 } },
        { nameof(LedgerOptions.FindPageSizeMax), Valid with { FindPageSizeMax = 0 } },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public void Validate_ValueOutOfRange_NamesTheOption(string option, LedgerOptions options) =>
        Assert.Contains(option, Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);

    [Fact]
    public void Validate_Defaults_Pass()
    {
        Valid.Validate();
        new FasterLogStorageOptions().Validate();
    }

    [Fact]
    public async Task Open_BatchDoesNotFitTheStorage_Throws()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { BatchBytesMax = 8 << 20 };
        await Assert.ThrowsAsync<ArgumentException>(fixture.OpenAsync);
    }
}
