using System.Buffers.Text;

namespace SealService.Merkle;

/// <summary>Reads the LF-terminated lines of a text, and the fields of the C2SP texts that stand in them.</summary>
internal ref struct LineReader(ReadOnlySpan<byte> text)
{
    private const byte LineFeed = (byte)'\n';

    /// <summary>The number of bytes that were read.</summary>
    public int Position { get; private set; }

    private readonly ReadOnlySpan<byte> _text = text;

    /// <summary>Whether all lines were read.</summary>
    public readonly bool IsAtEnd => Position == _text.Length;

    /// <summary>Reads a line, without its LF. False at the end and when the last line has no LF.</summary>
    public bool TryReadLine(out ReadOnlySpan<byte> line)
    {
        ReadOnlySpan<byte> rest = _text[Position..];
        int length = rest.IndexOf(LineFeed);
        if (length < 0)
        {
            line = default;
            return false;
        }

        line = rest[..length];
        Position += length + 1;
        return true;
    }

    /// <summary>Parses a number from 0 in decimal digits without leading zeros.</summary>
    public static bool TryParseDecimal(ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        return !text.IsEmpty
            && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && (text[0] != (byte)'0' || text.Length == 1)
            && Utf8Parser.TryParse(text, out value, out int consumed)
            && consumed == text.Length;
    }

    /// <summary>Parses the base64 of a hash.</summary>
    public static bool TryParseHash(ReadOnlySpan<byte> text, out MerkleHash hash)
    {
        hash = default;
        return StrictBase64.TryDecode(text, MerkleHash.AsBytes(new Span<MerkleHash>(ref hash)));
    }
}
