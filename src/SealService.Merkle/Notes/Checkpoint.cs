using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace SealService.Merkle;

/// <summary>
/// The text of a C2SP checkpoint (c2sp.org/tlog-checkpoint): a tree's head. It is worth as much as the signatures of the
/// <see cref="SignedNote"/> that it stands in.
/// </summary>
/// <param name="Origin">The log's identity; its key's name.</param>
/// <param name="TreeSize">The number of leaves.</param>
/// <param name="RootHash">The tree's root.</param>
public sealed record Checkpoint(string Origin, long TreeSize, MerkleHash RootHash)
{
    /// <summary>The longest origin, in bytes.</summary>
    public const int OriginBytesMax = 1024;

    /// <summary>
    /// Parses the text of a note; extension lines are allowed and left out. False, and why, when it is no checkpoint.
    /// </summary>
    public static bool TryParse(
        ReadOnlySpan<byte> noteText, [NotNullWhen(true)] out Checkpoint? checkpoint, [NotNullWhen(false)] out string? error)
    {
        checkpoint = null;
        var lines = new LineReader(noteText);
        if (!lines.TryReadLine(out ReadOnlySpan<byte> origin) || origin.IsEmpty || origin.Length > OriginBytesMax)
        {
            error = $"the checkpoint's origin line is missing, empty or longer than {OriginBytesMax} bytes";
            return false;
        }

        if (!lines.TryReadLine(out ReadOnlySpan<byte> line) || !LineReader.TryParseDecimal(line, out long treeSize))
        {
            error = "the checkpoint's second line is not a tree size";
            return false;
        }

        if (!lines.TryReadLine(out line) || !LineReader.TryParseHash(line, out MerkleHash rootHash))
        {
            error = "the checkpoint's third line is not the base64 of a root hash";
            return false;
        }

        while (!lines.IsAtEnd)
        {
            if (!lines.TryReadLine(out line) || line.IsEmpty)
            {
                error = "the checkpoint has an empty extension line, or one without end";
                return false;
            }
        }

        checkpoint = new Checkpoint(Encoding.UTF8.GetString(origin), treeSize, rootHash);
        error = null;
        return true;
    }

    /// <summary>Parses a signed note and the checkpoint in it, without verifying any signature.</summary>
    public static bool TryParseNote(
        ReadOnlyMemory<byte> note,
        [NotNullWhen(true)] out SignedNote? signedNote,
        [NotNullWhen(true)] out Checkpoint? checkpoint,
        [NotNullWhen(false)] out string? error)
    {
        checkpoint = null;
        return SignedNote.TryParse(note, out signedNote, out error) && TryParse(signedNote.Text.Span, out checkpoint, out error);
    }

    /// <summary>
    /// Parses a signed note, verifies it, and parses the checkpoint in it. False, and why, unless a key of <paramref name="keys"/>
    /// whose name is the checkpoint's origin signed it.
    /// </summary>
    public static bool TryOpen(
        ReadOnlyMemory<byte> note,
        IReadOnlyCollection<VerifierKey> keys,
        [NotNullWhen(true)] out Checkpoint? checkpoint,
        [NotNullWhen(false)] out string? error)
    {
        checkpoint = null;
        if (!TryParseNote(note, out SignedNote? signedNote, out Checkpoint? parsed, out error)
            || !signedNote.TryVerify(keys, out IReadOnlyList<VerifierKey> verifiedBy, out error))
        {
            return false;
        }

        if (!verifiedBy.Any(key => string.Equals(key.Name, parsed.Origin, StringComparison.Ordinal)))
        {
            error = $"no key of the checkpoint's origin {parsed.Origin} signed it";
            return false;
        }

        checkpoint = parsed;
        return true;
    }

    /// <summary>The text to sign: origin, tree size and root hash, each on a line.</summary>
    /// <exception cref="InvalidOperationException">The origin is empty or has a line end, or the tree size is negative.</exception>
    public byte[] Format()
    {
        if (Origin.Length == 0 || Origin.Contains('\n', StringComparison.Ordinal) || TreeSize < 0)
        {
            throw new InvalidOperationException("A checkpoint's origin is one line that is not empty, and its tree size is not negative.");
        }

        return Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{Origin}\n{TreeSize}\n{Convert.ToBase64String(RootHash.AsSpan())}\n"));
    }
}
