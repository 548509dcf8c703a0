using System.Runtime.InteropServices;

namespace SealService.Merkle.Interop;

/// <summary>
/// OpenSSL's libcrypto as it lies on the machine, the same one that .NET loads. Functions are bound as function
/// pointers and not with <c>LibraryImport</c>: imports without a GC transition are bound when their caller is compiled,
/// which can be before a resolver is set, and a missing library must be a branch (<see cref="Sha256"/> falls back), not an exception.
/// </summary>
internal static class LibcryptoLibrary
{
    // On macOS only versioned names: the system ends a process that loads the unversioned one.
    private static readonly string[] FileNames =
        OperatingSystem.IsMacOS()
            ?
            [
                "libcrypto.3.dylib",
                "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib",
                "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib",
                "libcrypto.1.1.dylib",
            ]
        : OperatingSystem.IsWindows()
            ? ["libcrypto-3-x64.dll", "libcrypto-1_1-x64.dll"]
            : ["libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"];

    private static readonly nint Handle = Load();

    /// <summary>The address of a function, or 0 when the library or the function is not there.</summary>
    public static nint FindExport(string name) =>
        Handle != 0 && NativeLibrary.TryGetExport(Handle, name, out nint address) ? address : 0;

    private static nint Load()
    {
        foreach (string fileName in FileNames)
        {
            if (NativeLibrary.TryLoad(fileName, out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }
}
