using SealService.Ledger;
using SealService.Ledger.Sequencing;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class SegmentTests
{
    private const int BatchBytes = 64 * 1024;

    [Fact]
    public void Begin_ManyWritersThatExpectAWholeBatch_HoldLittleMoreThanOne()
    {
        OpenBatch batch = new(entriesMax: 1000, BatchBytes, floorUnixMs: 0);
        SegmentPool pool = new(entriesMax: 1000, new ClaimRegistry(static (_, _) => throw new NotSupportedException()));
        long held = 0;
        for (int i = 0; i < 100; i++)
        {
            Assert.True(batch.TryReserve(1, 100));
            Segment segment = pool.Rent();
            segment.Begin(writer: null!, batch, firstEntryBytes: 98, unixMs: 0, expected: (1000, BatchBytes));
            held += segment.MarkUnread();
        }

        Assert.InRange(held, BatchBytes, 8 * BatchBytes);
    }
}
