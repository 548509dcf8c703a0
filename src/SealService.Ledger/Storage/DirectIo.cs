using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace SealService.Ledger.Storage;

/// <summary>fcntl.h: O_DIRECT, which .NET has no name for. What is written goes to the device and takes no memory as page cache.</summary>
internal static partial class DirectIo
{
    /// <summary>
    /// What memory, file offset and length must be a multiple of: no device that Linux knows has larger logical blocks, in bytes.
    /// </summary>
    public const int Alignment = 4096;

    private const int F_GETFL = 3;
    private const int F_SETFL = 4;

    /// <summary>From here on a file is written past the page cache, if its file system can (open(2), O_DIRECT).</summary>
    /// <returns>False when it can't: writes go through the page cache, and need no alignment.</returns>
    public static bool TryEnable(SafeFileHandle file)
    {
        int flags = GetFlags(file);
        return flags >= 0 && fcntl(file, F_SETFL, flags | DirectFlag) == 0;
    }

    /// <summary>From here on a file is written through the page cache again.</summary>
    /// <returns>False when it was all the time.</returns>
    public static bool TryDisable(SafeFileHandle file)
    {
        int flags = GetFlags(file);
        return flags >= 0 && (flags & DirectFlag) != 0 && fcntl(file, F_SETFL, flags & ~DirectFlag) == 0;
    }

    private static int GetFlags(SafeFileHandle file) => OperatingSystem.IsLinux() ? fcntl(file, F_GETFL, 0) : -1;

    // One of the few flags that are not the same on all of Linux's processors.
    private static int DirectFlag => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000
        : RuntimeInformation.ProcessArchitecture is Architecture.Ppc64le ? 0x20000
        : 0x4000;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle descriptor, int command, int argument);
}
