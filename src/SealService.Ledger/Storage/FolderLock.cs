using System.Globalization;
using System.Text;

namespace SealService.Ledger.Storage;

/// <summary>
/// The exclusive hold on a ledger's folder. The operating system lets go of it when the process ends, however it ends, so a
/// file that is left behind blocks nobody.
/// </summary>
internal sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <exception cref="LedgerLockedException">Somebody else holds it.</exception>
    public static FolderLock Acquire(string folder)
    {
        string path = Path.Combine(folder, "lock");
        FileStream file = Open(folder, path);
        try
        {
            // For people only.
            file.SetLength(0);
            file.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            file.Flush();
            return new FolderLock(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose() => _file.Dispose();

    private static FileStream Open(string folder, string path)
    {
        try
        {
            // FileShare.None is an exclusive flock(2) on Unix, which holds between objects of one process as well.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception)
        {
            throw new LedgerLockedException(
                $"The ledger's folder {folder} is in use: {path} is locked by another process or another ledger of this one.", exception);
        }
    }
}
