using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using SealService.Ledger;
using SealService.Ledger.Storage;
using Xunit;
using static SealService.Tests.Ledger.LedgerFixture;

namespace SealService.Tests.Ledger;

/// <summary><see cref="FasterLogStorage"/> over files that are not as <see cref="LogDevice"/> leaves them, or do not answer.</summary>
public sealed partial class FasterLogStorageDeviceTests
{
    [Fact]
    public async Task Open_FileThatEndsAtASectorOf512Bytes_GoesOn()
    {
        // As FASTER's own devices leave it.
        using TemporaryFolder folder = new();
        List<byte[]> written = [];
        await AppendAsync(folder, written, 3);
        string path = folder["records", "log.0"];
        long used = (await File.ReadAllBytesAsync(path, Token)).AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        using (FileStream file = new(path, FileMode.Open))
        {
            file.SetLength((used + 511) & ~511L);
            Assert.NotEqual(0, file.Length % DirectIo.Alignment);
        }

        for (int round = 0; round < 3; round++)
        {
            await AppendAsync(folder, written, 1);
        }

        await AppendAsync(folder, written, 0);
    }

    [Fact]
    public async Task Dispose_WriteThatHangs_EndsAndKeepsTheFolderLocked()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such files.");
        using TemporaryFolder folder = new();
        FasterLogStorage storage = Open(folder);
        string path = folder["records", "log.0"];
        Assert.Equal(0, mkfifo(path, 0x180)); // a pipe, mode 600: to open it for writing takes until somebody reads
        using CancellationTokenSource cancellation = CancellationTokenSource.CreateLinkedTokenSource(Token);
        ValueTask<long> append = storage.AppendAsync(new byte[100], cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => append.AsTask());
        await storage.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60), Token);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Throws<LedgerLockedException>(() => Open(folder));

        // The write goes on after all, and is called back into a log that was disposed: nothing happens, and the file is closed.
        await using FileStream reader = new(path, FileMode.Open, FileAccess.Read);
        await reader.CopyToAsync(Stream.Null, Token).WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    /// <summary>Opens the log, expects what was written, and appends records.</summary>
    private static async Task AppendAsync(TemporaryFolder folder, List<byte[]> written, int count)
    {
        await using FasterLogStorage storage = Open(folder);
        List<byte[]> found = [];
        await foreach (StoredRecord record in storage.ScanAsync(0, Token))
        {
            found.Add(record.Bytes);
        }

        Assert.Equal(written, found);
        for (int i = 0; i < count; i++)
        {
            written.Add(RandomNumberGenerator.GetBytes(700));
            await storage.AppendAsync(written[^1], Token);
        }
    }

    private static FasterLogStorage Open(TemporaryFolder folder) =>
        FasterLogStorage.Open(folder.Path, new FasterLogStorageOptions { FreeBytesMin = 0 }, NullLoggerFactory.Instance);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkfifo(string path, uint mode);
}
