namespace SealService.Cli.Files;

/// <summary>A document that was found under one of the paths given.</summary>
/// <param name="Path">How to open it, and what it is called in results.</param>
/// <param name="RelativePath">Its path below the folder given, with '/' between the parts; of a file given by name, that name.</param>
/// <param name="IsNamed">True when the file itself was given, not a folder around it.</param>
internal sealed record DocumentFile(string Path, string RelativePath, bool IsNamed);

/// <summary>Walks the paths given on the command line, lazily and always in the same order.</summary>
internal static class DocumentFiles
{
    /// <summary>
    /// Files as they are given; folders with everything in them, in ordinal order of the names, but without receipts and
    /// without following links to folders, which could lead in a circle.
    /// </summary>
    /// <exception cref="CommandException">A path is not there: found before anything is done.</exception>
    public static IEnumerable<DocumentFile> Enumerate(IReadOnlyList<string> paths)
    {
        foreach (var path in paths)
        {
            if (!File.Exists(path) && !Directory.Exists(path))
            {
                throw CommandException.Usage($"'{path}' is not there.");
            }
        }

        return paths.SelectMany(EnumerateOne);
    }

    private static IEnumerable<DocumentFile> EnumerateOne(string path)
    {
        if (Directory.Exists(path))
        {
            return EnumerateFolder(path, "");
        }

        return ReceiptPaths.IsReceipt(path) ? [] : [new DocumentFile(path, Path.GetFileName(path), IsNamed: true)];
    }

    private static IEnumerable<DocumentFile> EnumerateFolder(string folder, string relativeFolder)
    {
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos().OrderBy(static e => e.Name, StringComparer.Ordinal))
        {
            var path = Path.Combine(folder, entry.Name);
            var relativePath = relativeFolder + entry.Name;
            if (entry is not DirectoryInfo)
            {
                if (!ReceiptPaths.IsReceipt(path))
                {
                    yield return new DocumentFile(path, relativePath, IsNamed: false);
                }
            }
            else if (entry.LinkTarget is null)
            {
                foreach (var file in EnumerateFolder(path, relativePath + "/"))
                {
                    yield return file;
                }
            }
        }
    }
}
