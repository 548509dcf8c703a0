using SealService.Merkle;

namespace SealService.Cli.Keys;

/// <summary>Reads what --key was given: a verifier key, or a file of them.</summary>
internal static class KeyArguments
{
    /// <summary>A file of keys is small; anything bigger is another kind of file.</summary>
    private const int KeyFileBytesMax = 64 * 1024;

    public static IReadOnlyList<VerifierKey> Read(IEnumerable<string>? arguments) => [.. (arguments ?? []).SelectMany(ReadOne)];

    /// <summary>The keys of a file: one a line, what follows a space is a remark, lines that begin with # are remarks.</summary>
    public static IEnumerable<VerifierKey> ReadFile(string path)
    {
        if (new FileInfo(path).Length > KeyFileBytesMax)
        {
            throw CommandException.Usage($"'{path}' is too big for a file of keys.");
        }

        foreach (var line in File.ReadLines(path))
        {
            var text = line.Trim().Split(' ', 2)[0];
            if (text.Length > 0 && text[0] != '#')
            {
                yield return VerifierKey.TryParse(text, out var key, out var error)
                    ? key
                    : throw CommandException.Usage($"A line of '{path}' is no key: {error}.");
            }
        }
    }

    private static IEnumerable<VerifierKey> ReadOne(string argument)
    {
        if (VerifierKey.TryParse(argument, out var key, out var error))
        {
            return [key];
        }

        if (!File.Exists(argument))
        {
            throw CommandException.Usage($"'{argument}' is no file and no key: {error}.");
        }

        var keys = ReadFile(argument).ToList();
        return keys.Count > 0 ? keys : throw CommandException.Usage($"'{argument}' holds no verifier key.");
    }
}
