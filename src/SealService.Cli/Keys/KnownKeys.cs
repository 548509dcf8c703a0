using System.Globalization;
using SealService.Merkle;

namespace SealService.Cli.Keys;

/// <summary>
/// The keys that this user has met, as ssh keeps the keys of hosts: sealing without --key takes a ledger's keys from the
/// server the first time and writes them here; from then on the ledger must keep to them. A file of verifier keys, one a
/// line, at $SEAL_KNOWN_KEYS or $XDG_CONFIG_HOME/seal/known-keys or ~/.config/seal/known-keys. Never in the current folder
/// unless $SEAL_KNOWN_KEYS says so: a folder that came from somebody else must not bring the keys to trust. So without a
/// home folder no key is known, and none can be added.
/// </summary>
internal sealed class KnownKeys
{
    private const string PathVariable = "SEAL_KNOWN_KEYS";

    private readonly string? _path;
    private readonly List<VerifierKey> _keys;

    private KnownKeys(string? path, List<VerifierKey> keys)
    {
        _path = path;
        _keys = keys;
    }

    public IReadOnlyList<VerifierKey> All => _keys;

    public static KnownKeys Load(CommandEnvironment environment)
    {
        var path = FindPath(environment);
        return new(path, File.Exists(path) ? [.. KeyArguments.ReadFile(path)] : []);
    }

    /// <summary>The file.</summary>
    /// <exception cref="CommandException">There is no home folder to keep it in.</exception>
    public string RequirePath() =>
        _path ?? throw CommandException.Usage($"There is no home folder to keep trusted keys in: set {PathVariable}, or give --key.");

    /// <summary>The keys known for an origin; none when it was never met.</summary>
    public IReadOnlyList<VerifierKey> For(string origin) => [.. _keys.Where(key => key.Name == origin)];

    public bool Contains(VerifierKey key) => _keys.Contains(key);

    /// <summary>Writes keys down, each with where it came from and when.</summary>
    public void Add(IEnumerable<VerifierKey> keys, Uri server, DateTimeOffset now)
    {
        var fresh = keys.Where(key => !Contains(key)).ToList();
        var path = RequirePath();
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.AppendAllLines(path, fresh.Select(key => string.Create(
            CultureInfo.InvariantCulture, $"{key} first met {now:yyyy-MM-dd} at {server.GetLeftPart(UriPartial.Authority)}")));
        _keys.AddRange(fresh);
    }

    private static string? FindPath(CommandEnvironment environment)
    {
        if (environment.GetVariable(PathVariable) is { Length: > 0 } path)
        {
            return Path.GetFullPath(path);
        }

        // The XDG Base Directory Specification has relative paths ignored.
        var folder = environment.GetVariable("XDG_CONFIG_HOME") is { } configured && Path.IsPathFullyQualified(configured)
            ? configured
            : Path.Combine(environment.HomeFolder, ".config");
        return Path.IsPathFullyQualified(folder) ? Path.Combine(folder, "seal", "known-keys") : null;
    }
}
