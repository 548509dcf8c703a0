using System.Runtime.InteropServices;
using SealService.Ledger.Storage;
using Xunit;

namespace SealService.Tests.Ledger;

public sealed unsafe class LogDeviceTests
{
    private const int Sector = DirectIo.Alignment;
    private const int Segment = 4 * Sector;

    [Fact]
    public void Write_OverSegmentsInAnyOrder_ReadsBackWhatWasWritten()
    {
        const int seed = 17;
        Random random = new(seed);
        using TemporaryFolder folder = new();
        byte[] expected = new byte[3 * Segment];
        using (LogDevice device = Open(folder))
        {
            for (int round = 0; round < 60; round++)
            {
                int segment = random.Next(3);
                int begin = random.Next(4);
                int sectors = random.Next(1, 5 - begin);
                Span<byte> bytes = expected.AsSpan((segment * Segment) + (begin * Sector), sectors * Sector);
                random.NextBytes(bytes);
                Assert.Equal((0u, (uint)bytes.Length), Write(device, (segment * Segment) + (begin * Sector), bytes));
                ExpectRead(device, expected, random.Next(3) * Segment, upTo: new FileInfo(folder[$"log.{segment}"]).Length, segment);
            }
        }

        using LogDevice again = Open(folder);
        for (int segment = 0; segment < 3; segment++)
        {
            ExpectRead(again, expected, segment * Segment, upTo: new FileInfo(folder[$"log.{segment}"]).Length, segment);
        }
    }

    [Fact]
    public void TryEnable_SaysWhetherWritesNeedAlignment()
    {
        using TemporaryFolder folder = new();
        string path = folder["file"];
        using (Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            if (!DirectIo.TryEnable(file))
            {
                RandomAccess.Write(file, new byte[10], 3);
                Assert.Equal(13, new FileInfo(path).Length);
                return;
            }

            Assert.Throws<IOException>(() => RandomAccess.Write(file, new byte[10], 3)); // it is in force: an odd write is refused
        }
    }

    [Fact]
    public void Write_FileSystemRefusesItPastThePageCache_GoesThroughIt()
    {
        // One that takes the flag and refuses the write; here because its length is odd.
        using TemporaryFolder folder = new();
        byte[] bytes = new byte[Sector + 100];
        new Random(3).NextBytes(bytes);
        using LogDevice device = Open(folder);
        Assert.Equal((0u, (uint)bytes.Length), Write(device, 0, bytes));
        Assert.Equal((0u, (uint)Sector), Write(device, Sector, bytes.AsSpan(0, Sector)));
        Assert.Null(device.Failure);
        Assert.Equal([.. bytes[..Sector], .. bytes[..Sector]], File.ReadAllBytes(folder["log.0"]));
    }

    [Fact]
    public void Write_ThatFails_FailsAllThatFollow()
    {
        using TemporaryFolder folder = new();
        using LogDevice device = Open(folder);
        Assert.Equal((0u, (uint)Sector), Write(device, 0, new byte[Sector]));
        Directory.CreateDirectory(folder["log.1"]); // is no file that could be written
        Assert.Equal(0u, Write(device, Segment, new byte[Sector]).Bytes);
        Assert.NotNull(device.Failure);
        (uint error, uint bytes) = Write(device, Sector, new byte[Sector]);
        Assert.NotEqual(0u, error);
        Assert.Equal(0u, bytes);
        Assert.Equal(Sector, new FileInfo(folder["log.0"]).Length);
    }

    [Fact]
    public void Read_SegmentThatIsNotThere_SaysSo()
    {
        using TemporaryFolder folder = new();
        using LogDevice device = Open(folder);
        Assert.NotEqual(0u, Read(device, 5 * Segment, Sector, out _).Error);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    private static LogDevice Open(TemporaryFolder folder)
    {
        LogDevice device = new(folder["log"]);
        device.Initialize(Segment);
        return device;
    }

    private static void ExpectRead(LogDevice device, byte[] expected, int address, long upTo, int segment)
    {
        if (address / Segment == segment)
        {
            (uint error, uint count) = Read(device, address, Segment, out byte[] read);
            Assert.Equal((0u, (uint)upTo), (error, count));
            Assert.True(expected.AsSpan(address, (int)count).SequenceEqual(read.AsSpan(0, (int)count)));
        }
    }

    private static (uint Error, uint Bytes) Write(LogDevice device, long address, ReadOnlySpan<byte> bytes)
    {
        void* source = NativeMemory.AlignedAlloc((nuint)bytes.Length, Sector);
        bytes.CopyTo(new Span<byte>(source, bytes.Length));
        uint length = (uint)bytes.Length;
        (uint, uint) result = Wait(done => device.WriteAsync((nint)source, (ulong)address, length, (error, count, _) => done(error, count), null!));
        NativeMemory.AlignedFree(source);
        return result;
    }

    private static (uint Error, uint Bytes) Read(LogDevice device, long address, int length, out byte[] read)
    {
        void* destination = NativeMemory.AlignedAlloc((nuint)length, Sector);
        (uint, uint) result = Wait(done => device.ReadAsync((ulong)address, (nint)destination, (uint)length, (error, count, _) => done(error, count), null!));
        read = new Span<byte>(destination, length).ToArray();
        NativeMemory.AlignedFree(destination);
        return result;
    }

    private static (uint Error, uint Bytes) Wait(Action<Action<uint, uint>> begin)
    {
        using ManualResetEventSlim done = new();
        (uint, uint) result = default;
        begin((error, count) =>
        {
            result = (error, count);
            done.Set();
        });
        Assert.True(done.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        return result;
    }
}
