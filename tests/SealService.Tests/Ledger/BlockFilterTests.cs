using SealService.Ledger.Derived.Lookup;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed class BlockFilterTests
{
    // From the Parquet format's BloomFilter.md.
    private static readonly uint[] Salts = [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31];

    [Fact]
    public void Add_AnyFingerprint_SetsTheBitsOfTheSpecificationAndNoOthers()
    {
        Random random = new(5);
        uint[] block = new uint[BlockFilter.BlockWords];
        uint[] expected = new uint[BlockFilter.BlockWords];
        for (int i = 0; i < 20; i++)
        {
            ulong fingerprint = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            for (int word = 0; word < Salts.Length; word++)
            {
                expected[word] |= 1u << (int)((uint)((uint)fingerprint * (ulong)Salts[word]) >> 27);
            }

            BlockFilter.Add(block, fingerprint);
            Assert.Equal(expected, block);
            Assert.True(BlockFilter.MayContain(block, fingerprint));
        }
    }

    [Fact]
    public void MayContain_KeysThatWereNotAdded_AreSeldomThere()
    {
        const int keys = 20_000;
        Random random = new(6);
        int blocks = (int)BlockFilter.BlocksFor(keys);
        uint[] filter = new uint[blocks * BlockFilter.BlockWords];
        for (int i = 0; i < keys; i++)
        {
            ulong fingerprint = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            BlockFilter.Add(BlockOf(fingerprint), fingerprint);
        }

        int there = 0;
        for (int i = 0; i < keys; i++)
        {
            ulong fingerprint = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            there += BlockFilter.MayContain(BlockOf(fingerprint), fingerprint) ? 1 : 0;
        }

        Assert.InRange(there, 1, keys / 50); // one in a hundred is expected

        Span<uint> BlockOf(ulong fingerprint) =>
            filter.AsSpan((int)BlockFilter.BlockOf(fingerprint, blocks) * BlockFilter.BlockWords, BlockFilter.BlockWords);
    }
}
