using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace SealService.Ledger.Storage;

/// <summary>unistd.h: .NET flushes files, but opens no directory; a new file is durable only when its directory is.</summary>
internal static partial class Fsync
{
    private const int O_RDONLY = 0;
    private const int EINTR = 4;

    /// <summary>Makes the names in a directory durable.</summary>
    /// <exception cref="IOException">The directory can't be opened or flushed.</exception>
    public static void Directory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return; // NTFS journals names itself
        }

        int descriptor = open(path, O_RDONLY);
        if (descriptor < 0)
        {
            throw Failure("open", path);
        }

        try
        {
            if (fsync(descriptor) != 0)
            {
                throw Failure("fsync", path);
            }
        }
        finally
        {
            // Nothing was written through this descriptor, so a failing close loses nothing.
            _ = close(descriptor);
        }
    }

    /// <summary>
    /// Makes a file's bytes durable, and of its metadata what is needed to read them. A flush with the times too (.NET's) waits for the
    /// file system's journal, and with it for what others have just written.
    /// </summary>
    /// <exception cref="IOException">The file can't be flushed.</exception>
    public static void Data(SafeFileHandle file, string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file); // macOS has no such call that reaches the disk
            return;
        }

        while (fdatasync(file) != 0)
        {
            // On a network file system a signal may interrupt it, which .NET's flush passes over too.
            if (Marshal.GetLastPInvokeError() != EINTR)
            {
                throw Failure("fdatasync", path);
            }
        }
    }

    /// <summary>Replaces a file as a whole: after a crash there is the old content or the new.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + ".new";
        using (FileStream file = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        Directory(Path.GetDirectoryName(path)!);
    }

    private static IOException Failure(string call, string path)
    {
        int error = Marshal.GetLastPInvokeError();
        return new IOException($"{call}({path}): {new Win32Exception(error).Message}", error);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(SafeFileHandle descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
}
