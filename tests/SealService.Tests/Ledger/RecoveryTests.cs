using SealService.Ledger;
using SealService.Ledger.Storage;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class RecoveryTests
{
    [Fact]
    public async Task Open_AfterClose_ScansOneRecordOnly()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        for (int i = 0; i < 30; i++)
        {
            Assert.Null(await fixture.SealAsync(3));
        }

        await fixture.OpenAsync();
        Assert.Equal(1, fixture.Memory.ScannedCount);
        Assert.Null(await fixture.SealAsync(3));
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Open_WithoutCleanClose_ScansFromTheLastSnapshot()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { EntriesPerSnapshot = 50 };
        await fixture.OpenAsync();
        for (int i = 0; i < 40; i++)
        {
            Assert.Null(await fixture.SealAsync(3));
        }

        fixture.Memory.NextFault = StorageFault.FailAfterPersisted; // and so no snapshot at the end
        Assert.NotNull(await fixture.SealAsync(3));
        await fixture.OpenAsync();
        Assert.InRange(fixture.Memory.ScannedCount, 2, fixture.Memory.Count / 2);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Open_FiftyThousandEntriesWithoutDerivedData_RebuildsIt()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { IndexKeysInMemoryMax = 2_000, EntriesPerSnapshot = 10_000 };
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(50_000));
        Assert.NotNull(await fixture.Ledger.GetReceiptAsync(49_999, Token));
        await fixture.CloseAsync();
        Directory.Delete(fixture.Folder["derived"], recursive: true);
        fixture.Acknowledged.RemoveRange(100, fixture.Acknowledged.Count - 200);
        await fixture.OpenAsync();
        Assert.Equal(fixture.Memory.Count, fixture.Memory.ScannedCount);
        await fixture.CheckAsync();
    }

    [Theory]
    [InlineData("snapshot")]
    [InlineData("batches")]
    [InlineData("hashes.0")]
    [InlineData("hashes.1")]
    [InlineData("index/run.*")]
    [InlineData("index/fingerprints")]
    public async Task Open_DerivedFileMissingOrShortOrChanged_BuildsItAgain(string name)
    {
        foreach (Action<string> harm in new Action<string>[] { File.Delete, Shorten, FlipFirstByte })
        {
            await using LedgerFixture fixture = new();
            await fixture.OpenAsync();
            Assert.Null(await fixture.SealAsync(700));
            await fixture.CloseAsync();
            string path = Directory.GetFiles(fixture.Folder["derived"], name).Single();
            bool noticed = harm != FlipFirstByte || !name.StartsWith("hashes", StringComparison.Ordinal); // those show when a proof is made
            int index = string.Equals(name, "hashes.0", StringComparison.Ordinal) ? 1 : 300; // its proof has the file's first hash
            harm(path);
            await fixture.OpenAsync();
            if (noticed)
            {
                await fixture.CheckAsync();
                Assert.Null(await fixture.SealAsync(10));
                await fixture.CheckAsync();
            }
            else
            {
                await Assert.ThrowsAsync<LedgerDamagedException>(async () => await fixture.Ledger.GetReceiptAsync(index, Token));
            }
        }
    }

    [Fact]
    public async Task Open_RecordsEndBeforeTheSignedSnapshot_Refuses()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(5));
        Assert.Null(await fixture.SealAsync(5));
        await fixture.CloseAsync();
        fixture.Memory.Truncate(fixture.Memory.Count - 1);
        LedgerDamagedException exception = await Assert.ThrowsAsync<LedgerDamagedException>(fixture.OpenAsync);
        Assert.Contains("10", exception.Message, StringComparison.Ordinal);
        File.Delete(fixture.Folder["derived", "batches"]); // the snapshot still knows better, also when the rest is rebuilt
        await Assert.ThrowsAsync<LedgerDamagedException>(fixture.OpenAsync);
        fixture.Memory.Truncate(0);
        await Assert.ThrowsAsync<LedgerDamagedException>(fixture.OpenAsync);
        Assert.Equal(0, fixture.Memory.Count);
    }

    [Fact]
    public async Task Open_AnyRecordByteChanged_RefusesAndNamesTheRecord()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(2));
        Assert.Null(await fixture.SealAsync(2));
        await fixture.CloseAsync();
        byte[] record = fixture.Memory[1];
        for (int i = 0; i < record.Length; i++)
        {
            Directory.Delete(fixture.Folder["derived"], recursive: true);
            record[i] ^= 0x10;
            LedgerDamagedException exception = await Assert.ThrowsAsync<LedgerDamagedException>(fixture.OpenAsync);
            Assert.Contains("memory record 1", exception.Message, StringComparison.Ordinal);
            record[i] ^= 0x10;
        }

        await fixture.OpenAsync();
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Open_EntryAndChecksumChanged_RefusesByTheSignedRoot()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(2));
        await fixture.CloseAsync();
        Directory.Delete(fixture.Folder["derived"], recursive: true);
        byte[] record = fixture.Memory[1];
        Assert.True(RecordCodec.TryRead(record, out LedgerRecord fields, out _));
        record[RecordCodec.HeaderBytes + 10] ^= 1; // of the salt
        byte[] checkpoint = fields.Checkpoint.ToArray();
        Assert.Equal(record.Length, RecordCodec.Complete(record, fields.FirstIndex, fields.Count, fields.Entries.Length, checkpoint));
        LedgerDamagedException exception = await Assert.ThrowsAsync<LedgerDamagedException>(fixture.OpenAsync);
        Assert.Contains("root", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_WithAnotherKey_RefusesAndSaysSo()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(2));
        await fixture.CloseAsync();
        TestSigner right = fixture.Signer;
        using TestSigner wrong = new(Origin);
        fixture.Signer = wrong;
        LedgerException exception = await Assert.ThrowsAsync<LedgerException>(fixture.OpenAsync);
        Assert.Contains("not by the configured key", exception.Message, StringComparison.Ordinal);
        Directory.Move(fixture.Folder["derived"], fixture.Folder["kept"]); // without the snapshot the records tell
        exception = await Assert.ThrowsAsync<LedgerException>(fixture.OpenAsync);
        Assert.Contains("not by the configured key", exception.Message, StringComparison.Ordinal);
        Directory.Delete(fixture.Folder["derived"], recursive: true);
        Directory.Move(fixture.Folder["kept"], fixture.Folder["derived"]);
        fixture.Signer = right;
        await fixture.OpenAsync();
        Assert.Equal(1, fixture.Memory.ScannedCount);
        await fixture.CheckAsync();
    }

    [Fact]
    public async Task Open_KeyOfAnotherName_Throws()
    {
        await using LedgerFixture fixture = new();
        using TestSigner other = new("seal.example/other");
        fixture.Signer.Dispose();
        fixture.Signer = other;
        await Assert.ThrowsAsync<ArgumentException>(fixture.OpenAsync);
    }

    [Fact]
    public async Task Reading_RecordDamagedWhileOpen_ThrowsInsteadOfServingIt()
    {
        await using LedgerFixture fixture = new();
        fixture.Options = fixture.Options with { RecordCacheBytesMax = 0 };
        await fixture.OpenAsync();
        Assert.Null(await fixture.SealAsync(2));
        fixture.Memory[1][RecordCodec.HeaderBytes + 10] ^= 1;
        await Assert.ThrowsAsync<LedgerDamagedException>(async () => await fixture.Ledger.GetReceiptAsync(0, Token));
    }

    private static void Shorten(string path)
    {
        using FileStream file = new(path, FileMode.Open);
        file.SetLength(file.Length / 2);
    }

    private static void FlipFirstByte(string path)
    {
        using FileStream file = new(path, FileMode.Open);
        int first = file.ReadByte();
        file.Position = 0;
        file.WriteByte((byte)(first ^ 1));
    }
}
