using SealService.Ledger;
using SealService.Ledger.Storage;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

public sealed class VerifyRecordsTests
{
    [Fact]
    public async Task Verify_SoundLedger_GivesItsHeadAndReportsEachRecord()
    {
        await using LedgerFixture fixture = await MakeAsync();
        Progress progress = new();
        SignedHead head = await VerifyAsync(fixture, progress);
        Assert.Equal(9, head.TreeSize);
        Assert.Equal(9, progress.Reports[^1]);
        Assert.Equal(fixture.Memory.Count, progress.Reports.Count);
        Assert.Equal(progress.Reports.Order(), progress.Reports);
    }

    [Fact]
    public async Task Verify_AnyByteOfAnOldRecordChanged_NamesTheRecordThatAStartDoesNotRead()
    {
        await using LedgerFixture fixture = await MakeAsync();
        byte[] record = fixture.Memory[1];
        for (int i = 0; i < record.Length; i++)
        {
            record[i] ^= 0x10;
            LedgerDamagedException exception = await Assert.ThrowsAsync<LedgerDamagedException>(() => VerifyAsync(fixture));
            Assert.Contains("memory record 1", exception.Message, StringComparison.Ordinal);
            record[i] ^= 0x10;
        }

        record[RecordCodec.HeaderBytes + 10] ^= 1;
        await fixture.OpenAsync();
    }

    [Fact]
    public async Task Verify_OldSignatureReplacedUnderAValidChecksum_IsRefused()
    {
        await using LedgerFixture fixture = await MakeAsync();
        byte[] record = fixture.Memory[1];
        Assert.True(RecordCodec.TryRead(record, out LedgerRecord fields, out _));
        byte[] checkpoint = fields.Checkpoint.ToArray();
        int last = Array.FindLastIndex(checkpoint, b => char.IsAsciiLetter((char)b));
        checkpoint[last - 8] = checkpoint[last - 8] == (byte)'A' ? (byte)'B' : (byte)'A'; // within the signature's Base64
        RecordCodec.Complete(record, fields.FirstIndex, fields.Count, fields.Entries.Length, checkpoint);
        LedgerException exception = await Assert.ThrowsAsync<LedgerException>(() => VerifyAsync(fixture));
        Assert.Contains("memory record 1", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_RecordsEndBeforeTheSignedSnapshot_Refuses()
    {
        await using LedgerFixture fixture = await MakeAsync();
        fixture.Memory.Truncate(fixture.Memory.Count - 1);
        await Assert.ThrowsAsync<LedgerDamagedException>(() => VerifyAsync(fixture));
        fixture.Memory.Truncate(0);
        await Assert.ThrowsAsync<LedgerDamagedException>(() => VerifyAsync(fixture));
        Directory.Delete(fixture.Folder["derived"], recursive: true);
        await Assert.ThrowsAsync<LedgerException>(() => VerifyAsync(fixture));
    }

    [Fact]
    public async Task Verify_OnDisk_WritesNothing()
    {
        await using LedgerFixture fixture = new();
        await fixture.OpenAsync(SealLedgerTests.OnDisk(fixture));
        Assert.Null(await fixture.SealAsync(100));
        await fixture.CloseAsync();
        Dictionary<string, DateTime> before = Stamps(fixture);
        await using (ILedgerStorage storage = SealLedgerTests.OnDisk(fixture))
        {
            SignedHead head = await SealLedger.VerifyRecordsAsync(fixture.Options, storage, fixture.Signer.Key, null, Token);
            Assert.Equal(100, head.TreeSize);
        }

        Assert.Equal(before, Stamps(fixture));
    }

    private static async Task<LedgerFixture> MakeAsync()
    {
        LedgerFixture fixture = new();
        await fixture.OpenAsync();
        for (int i = 0; i < 3; i++)
        {
            Assert.Null(await fixture.SealAsync(3));
        }

        await fixture.CloseAsync();
        return fixture;
    }

    private static Task<SignedHead> VerifyAsync(LedgerFixture fixture, IProgress<long>? progress = null) =>
        SealLedger.VerifyRecordsAsync(fixture.Options, fixture.Memory, fixture.Signer.Key, progress, Token);

    private static Dictionary<string, DateTime> Stamps(LedgerFixture fixture) =>
        Directory.GetFiles(fixture.Folder["derived"], "*", SearchOption.AllDirectories)
            .Concat(Directory.GetFiles(fixture.Folder["records"]))
            .ToDictionary(path => path, File.GetLastWriteTimeUtc, StringComparer.Ordinal);

    private sealed class Progress : IProgress<long>
    {
        public List<long> Reports { get; } = [];

        public void Report(long value) => Reports.Add(value);
    }
}
