using Microsoft.Win32.SafeHandles;

namespace SealService.Ledger.Derived;

/// <summary>
/// Has a file that grows flushed every mebibyte. One flush at the end would hold up the log: ext4 (data=ordered) commits its journal only
/// when all data is on the disk that the transaction made room for, and the log's next write waits for that commit.
/// </summary>
internal struct FlushSteps
{
    private const int StepBytes = 1024 * 1024;

    private int _bytes;

    /// <summary>So many bytes were written to the file.</summary>
    public void Wrote(SafeFileHandle file, int bytes)
    {
        _bytes += bytes;
        if (_bytes >= StepBytes)
        {
            RandomAccess.FlushToDisk(file);
            _bytes = 0;
        }
    }
}
