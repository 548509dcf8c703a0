using System.Diagnostics.CodeAnalysis;
using System.Text.Unicode;

namespace SealService.Merkle;

/// <summary>
/// A C2SP signed note (c2sp.org/signed-note): a text that ends in LF, a blank line, and signature lines. Parsing checks the
/// form only; trust the text after <see cref="TryVerify"/>.
/// </summary>
public sealed class SignedNote
{
    /// <summary>The largest note that is parsed, in bytes.</summary>
    public const int NoteBytesMax = 1024 * 1024;

    /// <summary>The most signatures that a note may have; the format demands at least 16.</summary>
    public const int SignaturesMax = 100;

    private SignedNote(ReadOnlyMemory<byte> bytes, int textLength, IReadOnlyList<NoteSignature> signatures)
    {
        Bytes = bytes;
        Text = bytes[..textLength];
        Signatures = signatures;
    }

    /// <summary>The whole note, verbatim.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The text that is signed, with its final LF.</summary>
    public ReadOnlyMemory<byte> Text { get; }

    /// <summary>The signatures, in the note's order.</summary>
    public IReadOnlyList<NoteSignature> Signatures { get; }

    /// <summary>Parses a note; it keeps <paramref name="bytes"/>. False, and why, when its form is wrong.</summary>
    public static bool TryParse(
        ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out SignedNote? note, [NotNullWhen(false)] out string? error)
    {
        note = null;
        ReadOnlySpan<byte> span = bytes.Span;
        if (span.Length > NoteBytesMax)
        {
            error = $"the note has {span.Length} bytes, more than {NoteBytesMax}";
            return false;
        }

        error = FindForbiddenText(span);
        if (error is not null)
        {
            return false;
        }

        // The text may have empty lines; the last one ends it.
        int blankLine = span.LastIndexOf("\n\n"u8);
        if (blankLine < 0)
        {
            error = "the note has no blank line between its text and its signatures";
            return false;
        }

        int textLength = blankLine + 1;
        if (!TryParseSignatures(span[(textLength + 1)..], out List<NoteSignature> signatures, out error))
        {
            return false;
        }

        note = new SignedNote(bytes, textLength, signatures);
        return true;
    }

    /// <summary>Writes the note of a text and its signatures.</summary>
    /// <exception cref="ArgumentException">The text does not end in LF or has a control character, or there is no signature.</exception>
    public static byte[] Format(ReadOnlySpan<byte> text, params ReadOnlySpan<NoteSignature> signatures)
    {
        if (!text.EndsWith("\n"u8) || FindForbiddenText(text) is not null)
        {
            throw new ArgumentException("The text of a note is UTF-8 without control characters and ends in LF.", nameof(text));
        }

        if (signatures.IsEmpty)
        {
            throw new ArgumentException("A note has at least one signature.", nameof(signatures));
        }

        int length = text.Length + 1;
        foreach (NoteSignature signature in signatures)
        {
            length += signature.GetLineLength();
        }

        var note = new byte[length];
        text.CopyTo(note);
        note[text.Length] = (byte)'\n';
        Span<byte> rest = note.AsSpan(text.Length + 1);
        foreach (NoteSignature signature in signatures)
        {
            rest = rest[signature.WriteLine(rest)..];
        }

        return note;
    }

    /// <summary>
    /// Whether at least one signature is by one of <paramref name="keys"/>, and all that are verify. Signatures by other keys are
    /// ignored, as the format demands.
    /// </summary>
    /// <param name="keys">The trusted keys.</param>
    /// <param name="verifiedBy">The keys whose signatures verified, in the note's order; empty when false.</param>
    /// <param name="error">What is wrong, when false.</param>
    public bool TryVerify(
        IReadOnlyCollection<VerifierKey> keys, out IReadOnlyList<VerifierKey> verifiedBy, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(keys);
        verifiedBy = [];
        var verified = new List<VerifierKey>(1);
        foreach (NoteSignature signature in Signatures)
        {
            foreach (VerifierKey key in keys)
            {
                if (!signature.IsBy(key))
                {
                    continue;
                }

                if (!key.Verify(Text.Span, signature.Signature.Span))
                {
                    error = $"the signature by {key.Name}+{key.KeyId:x8} does not verify";
                    return false;
                }

                verified.Add(key);
            }
        }

        if (verified.Count == 0)
        {
            error = "no signature is by a trusted key; there are "
                + string.Join(", ", Signatures.Select(signature => $"{signature.Name}+{signature.KeyId:x8}"));
            return false;
        }

        verifiedBy = verified;
        error = null;
        return true;
    }

    private static bool TryParseSignatures(
        ReadOnlySpan<byte> block, out List<NoteSignature> signatures, [NotNullWhen(false)] out string? error)
    {
        signatures = [];
        var lines = new LineReader(block);
        while (!lines.IsAtEnd)
        {
            if (signatures.Count == SignaturesMax)
            {
                error = $"the note has more than {SignaturesMax} signatures";
                return false;
            }

            if (!lines.TryReadLine(out ReadOnlySpan<byte> line) || !NoteSignature.TryParseLine(line, out NoteSignature? signature))
            {
                error = $"signature line {signatures.Count + 1} of the note is malformed";
                return false;
            }

            signatures.Add(signature!);
        }

        error = signatures.Count == 0 ? "the note has no signature" : null;
        return error is null;
    }

    private static string? FindForbiddenText(ReadOnlySpan<byte> text)
    {
        foreach (byte value in text)
        {
            if (value < 0x20 && value != (byte)'\n')
            {
                return "the note has a control character";
            }
        }

        return Utf8.IsValid(text) ? null : "the note is not UTF-8";
    }
}
