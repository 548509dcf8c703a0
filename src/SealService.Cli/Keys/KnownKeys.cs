using System.Globalization;
using SealService.Merkle;

namespace SealService.Cli.Keys;

/// <summary>
/// The keys that this user has met, as ssh keeps the keys of hosts: sealing without --key takes a ledger's keys from the
/// server the first time and writes them here; from then on the ledger must keep to them. A file of verifier keys, one a
/// line, at $SEAL_KNOWN_KEYS or $XDG_CONFIG_HOME/seal/known-keys or ~/.config/seal/known-keys.
/// </summary>
internal sealed class KnownKeys
{
    private const string PathVariable = "SEAL_KNOWN_KEYS";

    private readonly List<VerifierKey> _keys;

    private KnownKeys(string path, List<VerifierKey> keys)
    {
        Path = path;
        _keys = keys;
    }

    public string Path { get; }

    public IReadOnlyList<VerifierKey> All => _keys;

    public static KnownKeys Load(CommandEnvironment environment)
    {
        var path = FindPath(environment);
        return new(path, File.Exists(path) ? [.. KeyArguments.ReadFile(path)] : []);
    }

    /// <summary>The keys known for an origin; none when it was never met.</summary>
    public IReadOnlyList<VerifierKey> For(string origin) => [.. _keys.Where(key => key.Name == origin)];

    public bool Contains(VerifierKey key) => _keys.Contains(key);

    /// <summary>Writes keys down, each with where it came from and when.</summary>
    public void Add(IEnumerable<VerifierKey> keys, Uri server, DateTimeOffset now)
    {
        var fresh = keys.Where(key => !Contains(key)).ToList();
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        File.AppendAllLines(Path, fresh.Select(key => string.Create(
            CultureInfo.InvariantCulture, $"{key} first met {now:yyyy-MM-dd} at {server.GetLeftPart(UriPartial.Authority)}")));
        _keys.AddRange(fresh);
    }

    private static string FindPath(CommandEnvironment environment)
    {
        if (environment.GetVariable(PathVariable) is { Length: > 0 } path)
        {
            return System.IO.Path.GetFullPath(path);
        }

        var folder = environment.GetVariable("XDG_CONFIG_HOME") is { Length: > 0 } configured
            ? configured
            : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
        return System.IO.Path.Combine(folder, "seal", "known-keys");
    }
}
