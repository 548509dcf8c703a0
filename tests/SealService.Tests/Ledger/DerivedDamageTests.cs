using System.Globalization;
using SealService.Ledger;
using SealService.Ledger.Derived.Lookup;
using SealService.Merkle;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

/// <summary>Whatever happens to the derived files while the ledger is closed, an idempotency key makes one entry.</summary>
public sealed class DerivedDamageTests
{
    private const int Keys = 300;
    private const int RoundsPerFile = 4;

    [Fact]
    public async Task Open_BytesOfAnyDerivedFileChanged_ResentKeysMakeNoSecondEntry()
    {
        const int seed = 20261122;
        Random random = new(seed);
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { IndexKeysInMemoryMax = 256, RecordCacheBytesMax = 0 };
        await SealKeysAsync(await fixture.OpenAsync());
        await fixture.CloseAsync();
        string[] names = [.. DerivedFiles(fixture).Select(path => Path.GetRelativePath(fixture.Folder["derived"], path))];
        Assert.Contains(names, name => name.StartsWith("index", StringComparison.Ordinal));
        foreach (string name in names)
        {
            for (int round = 0; round < RoundsPerFile; round++)
            {
                string path = fixture.Folder["derived", name];
                FlipBytes(path, random, 1 + (round * 8));
                await ExpectAllSealedAsync(await fixture.OpenAsync(), $"{name}, round {round}, seed {seed}");
                await fixture.CloseAsync();

                // Changed node hashes show when a proof is made, not on start; the next round begins with sound files.
                Directory.Delete(fixture.Folder["derived"], recursive: true);
                await fixture.OpenAsync();
                await fixture.CloseAsync();
            }
        }
    }

    [Fact]
    public async Task Open_PartOfARunsFilterZeroed_BuildsTheIndexAgain()
    {
        await using LedgerFixture fixture = new();
        await SealKeysAsync(await fixture.OpenAsync());
        await fixture.CloseAsync();
        string run = Directory.GetFiles(fixture.Folder["derived", "index"], "run.*").Single();
        await using (FileStream file = new(run, FileMode.Open))
        {
            file.Position = SortedRun.HeaderBytes;
            file.Write(new byte[3 * BlockFilter.BlockBytes]);
        }

        await ExpectAllSealedAsync(await fixture.OpenAsync(), "zeroed filter");
        Assert.Equal(fixture.Memory.Count, fixture.Memory.ScannedCount);
        await fixture.CheckAsync();
    }

    private static async Task SealKeysAsync(SealLedger ledger)
    {
        using LedgerWriter writer = ledger.CreateWriter();
        for (int number = 0; number < Keys; number++)
        {
            ClaimResult claim = await ledger.ClaimAsync(KeyOf(number), MerkleHash.Read(Digest(number)), Token);
            Assert.True(await writer.WaitToEnterAsync(Token) && writer.TryEnter());
            Assert.True(writer.TryAdd((ulong)number, Document(Digest(number), claim.Claim)));
            writer.Leave();
            (await writer.ReadSealedAsync(Token))!.Dispose();
        }

        Assert.Equal(Keys, ledger.Head.TreeSize);
    }

    private static async Task ExpectAllSealedAsync(SealLedger ledger, string when)
    {
        for (int number = 0; number < Keys; number++)
        {
            ClaimResult result = await ledger.ClaimAsync(KeyOf(number), MerkleHash.Read(Digest(number)), Token);
            Assert.True(
                result.Outcome == ClaimOutcome.Sealed && result.Index == number,
                $"{when}: key {number} is {result.Outcome} at {result.Index}");
        }

        Assert.Equal(Keys, ledger.Head.TreeSize);
    }

    private static IEnumerable<string> DerivedFiles(LedgerFixture fixture) =>
        Directory.EnumerateFiles(fixture.Folder["derived"], "*", SearchOption.AllDirectories)
            .Where(path => new FileInfo(path).Length > 0).Order(StringComparer.Ordinal);

    private static void FlipBytes(string path, Random random, int count)
    {
        byte[] bytes = File.ReadAllBytes(path);
        for (int i = 0; i < count; i++)
        {
            bytes[random.Next(bytes.Length)] ^= (byte)random.Next(1, 256);
        }

        File.WriteAllBytes(path, bytes);
    }

    private static MerkleHash KeyOf(int number) => Key(string.Create(CultureInfo.InvariantCulture, $"key {number}"));
}
