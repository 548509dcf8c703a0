using Grpc.Server.Internal;
using Xunit;

namespace SealService.Tests.Grpc;

public sealed class BlockPoolTests
{
    private const int BlockBytes = 4096;

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(BlockBytes)]
    public void Rent_UpToABlock_GivesAWholeBlock(int minBufferSize)
    {
        using var pool = new BlockPool(BlockBytes, keptBytesMax: 0);
        using var block = pool.Rent(minBufferSize);
        Assert.Equal(BlockBytes, block.Memory.Length);
        Assert.Equal(BlockBytes, pool.MaxBufferSize);
    }

    [Fact]
    public void Rent_MoreThanABlock_Throws()
    {
        using var pool = new BlockPool(BlockBytes, keptBytesMax: 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(BlockBytes + 1));
    }

    [Fact]
    public void Rent_AfterReturns_GivesTheLastOneFirst()
    {
        using var pool = new BlockPool(BlockBytes, keptBytesMax: 2 * BlockBytes);
        var (first, second) = (pool.Rent(), pool.Rent());
        Assert.NotSame(first, second);
        first.Dispose();
        second.Dispose();
        Assert.Same(second, pool.Rent());
        Assert.Same(first, pool.Rent());
    }

    [Fact]
    public void Return_OverTheLimit_KeepsNoMore()
    {
        using var pool = new BlockPool(BlockBytes, keptBytesMax: (2 * BlockBytes) + 1);
        var blocks = Enumerable.Range(0, 5).Select(_ => pool.Rent()).ToList();
        blocks.ForEach(block => block.Dispose());
        Assert.Equal(2 * BlockBytes, pool.KeptBytes);
    }

    [Fact]
    public void Return_Twice_Throws()
    {
        using var pool = new BlockPool(BlockBytes, keptBytesMax: BlockBytes);
        var block = pool.Rent();
        block.Dispose();
        Assert.Throws<InvalidOperationException>(block.Dispose);
        Assert.Equal(BlockBytes, pool.KeptBytes);
    }

    [Fact]
    public async Task RentAndReturn_FromManyThreads_NeverGivesABlockToTwo()
    {
        using var pool = new BlockPool(BlockBytes, keptBytesMax: 4 * BlockBytes);
        await Task.WhenAll(Enumerable.Range(1, 8).Select(worker => Task.Run(() =>
        {
            for (var round = 0; round < 2000; round++)
            {
                using var block = pool.Rent();
                block.Memory.Span.Fill((byte)worker);
                Assert.Equal(-1, block.Memory.Span.IndexOfAnyExcept((byte)worker));
            }
        })));
        Assert.InRange(pool.KeptBytes, BlockBytes, 4 * BlockBytes);
    }
}
