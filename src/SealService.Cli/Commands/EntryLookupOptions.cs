using System.CommandLine;
using SealService.Client;
using SealService.Merkle;

namespace SealService.Cli.Commands;

/// <summary>The ways to name an entry by its document: --file, --digest, --document-id.</summary>
internal sealed class EntryLookupOptions
{
    private readonly Option<string?> _file = new("--file") { Description = "The entry of this file's content.", HelpName = "FILE" };

    private readonly Option<string?> _digest = new("--digest") { Description = "The document's SHA-256, in hex.", HelpName = "HEX" };

    private readonly Option<string?> _documentId = new("--document-id") { Description = "The identifier that the document was sealed with.", HelpName = "ID" };

    /// <summary>Adds the options; exactly one of them and <paramref name="other"/> has to be given.</summary>
    public void AddTo(Command command, Option other)
    {
        Option[] choices = [_file, _digest, _documentId];
        foreach (var option in choices)
        {
            command.Add(option);
        }

        _digest.Validators.Add(result =>
        {
            if (!IsDigest(result.GetValueOrDefault<string?>()))
            {
                result.AddError($"--digest must be {2 * MerkleHash.Size} hexadecimal digits.");
            }
        });
        command.Validators.Add(result =>
        {
            var names = choices.Append(other).ToList();
            if (names.Count(option => result.GetResult(option) is not null) != 1)
            {
                result.AddError($"Give one of {string.Join(", ", names.Select(option => option.Name))}.");
            }
        });
    }

    public EntryLookup Read(ParseResult parsed)
    {
        if (parsed.GetValue(_documentId) is { } documentId)
        {
            return EntryLookup.ByDocumentId(documentId);
        }

        if (parsed.GetValue(_file) is not { } file)
        {
            return EntryLookup.ByDigest(MerkleHash.Read(Convert.FromHexString(parsed.GetRequiredValue(_digest)!)));
        }

        return File.Exists(file)
            ? EntryLookup.ByDigest(DocumentDigest.ComputeFile(file).Digest)
            : throw CommandException.Usage($"'{file}' is not there.");
    }

    private static bool IsDigest(string? hex) => hex is { Length: 2 * MerkleHash.Size } && hex.All(char.IsAsciiHexDigit);
}
