using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace SealService.Pkcs11;

/// <summary>
/// A PIN from a file, in memory that the garbage collector never copies, cleared when disposed. It lives as long as its token is open,
/// because a reconnect logs in again and may find the file gone.
/// </summary>
internal sealed class Pin : IDisposable
{
    /// <summary>Longer than the PIN of any token known.</summary>
    private const int BytesMax = 255;

    private const UnixFileMode GroupAndOthers =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private readonly byte[] _buffer;
    private readonly int _length;

    private Pin(byte[] buffer, int length)
    {
        _buffer = buffer;
        _length = length;
    }

    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    /// <summary>Reads a file that only its owner may touch; one newline at its end does not belong to the PIN.</summary>
    [UnsupportedOSPlatform("windows")] // it has no file modes
    public static Pin Read(string path)
    {
        // One byte for too long, two for the newline.
        byte[] buffer = GC.AllocateArray<byte>(BytesMax + 3, pinned: true);
        try
        {
            return Read(path, buffer);
        }
        catch
        {
            CryptographicOperations.ZeroMemory(buffer);
            throw;
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_buffer);

    [UnsupportedOSPlatform("windows")]
    private static Pin Read(string path, byte[] buffer)
    {
        int length = 0;
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);

            // Asked of the open file, so that no other one takes its place between check and read.
            UnixFileMode mode = File.GetUnixFileMode(file.SafeFileHandle);
            if ((mode & GroupAndOthers) != UnixFileMode.None)
            {
                throw new HsmConfigurationException(
                    $"The PIN file '{path}' is open to group or others (mode {Convert.ToString((int)mode, toBase: 8)}); "
                    + "its mode must be 600 or stricter.");
            }

            length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HsmConfigurationException($"The PIN file '{path}' can't be read: {exception.Message}", exception);
        }

        ReadOnlySpan<byte> pin = buffer.AsSpan(0, length);
        if (pin.EndsWith("\n"u8))
        {
            pin = pin.EndsWith("\r\n"u8) ? pin[..^2] : pin[..^1];
        }

        return pin.Length switch
        {
            0 => throw new HsmConfigurationException($"The PIN file '{path}' is empty."),
            > BytesMax => throw new HsmConfigurationException($"The PIN file '{path}' holds more than {BytesMax} bytes."),
            _ => new Pin(buffer, pin.Length),
        };
    }
}
