using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace SealService.Merkle;

/// <summary>
/// A C2SP transparency log proof (c2sp.org/tlog-proof), the portable form of a receipt; file suffix <c>.tlog-proof</c>:
/// <code>
///   c2sp.org/tlog-proof@v1
///   extra &lt;base64&gt;            (optional; a receipt's entry)
///   index &lt;decimal&gt;
///   &lt;base64 of a hash&gt;        (0 or more, the leaf's sibling first)
///
///   &lt;checkpoint, verbatim&gt;
/// </code>
/// </summary>
public sealed class TlogProof
{
    /// <summary>The largest text that is parsed, in bytes: an entry and a note of the largest size fit.</summary>
    public const int TextBytesMax = SignedNote.NoteBytesMax + (128 * 1024);

    /// <summary>The suffix of files with such texts.</summary>
    public const string FileSuffix = ".tlog-proof";

    private const int DecimalDigitsMax = 20;

    /// <summary>Creates a proof.</summary>
    public TlogProof(ReadOnlyMemory<byte>? extra, long index, ReadOnlyMemory<MerkleHash> hashes, ReadOnlyMemory<byte> checkpoint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(hashes.Length, InclusionProof.HashCountMax, nameof(hashes));
        Extra = extra;
        Index = index;
        Hashes = hashes;
        Checkpoint = checkpoint;
    }

    /// <summary>The extra data, which the format does not authenticate, or null.</summary>
    public ReadOnlyMemory<byte>? Extra { get; }

    /// <summary>The index of the leaf.</summary>
    public long Index { get; }

    /// <summary>The inclusion proof, the leaf's sibling first.</summary>
    public ReadOnlyMemory<MerkleHash> Hashes { get; }

    /// <summary>The signed note of the checkpoint, verbatim.</summary>
    public ReadOnlyMemory<byte> Checkpoint { get; }

    private static ReadOnlySpan<byte> Header => "c2sp.org/tlog-proof@v1\n"u8;

    private static ReadOnlySpan<byte> ExtraPrefix => "extra "u8;

    private static ReadOnlySpan<byte> IndexPrefix => "index "u8;

    /// <summary>
    /// Parses a proof; it keeps a part of <paramref name="text"/>. The checkpoint is not parsed. False, and why, when it is malformed.
    /// </summary>
    public static bool TryParse(ReadOnlyMemory<byte> text, [NotNullWhen(true)] out TlogProof? proof, [NotNullWhen(false)] out string? error)
    {
        proof = null;
        ReadOnlySpan<byte> span = text.Span;
        if (span.Length > TextBytesMax)
        {
            error = $"the proof has {span.Length} bytes, more than {TextBytesMax}";
            return false;
        }

        if (!span.StartsWith(Header))
        {
            error = "the proof does not begin with c2sp.org/tlog-proof@v1";
            return false;
        }

        var lines = new LineReader(span[Header.Length..]);
        lines.TryReadLine(out ReadOnlySpan<byte> line);
        byte[]? extra = null;
        if (line.StartsWith(ExtraPrefix))
        {
            if (!StrictBase64.TryDecode(line[ExtraPrefix.Length..], out extra))
            {
                error = "the proof's extra line is not base64";
                return false;
            }

            lines.TryReadLine(out line);
        }

        if (!line.StartsWith(IndexPrefix) || !LineReader.TryParseDecimal(line[IndexPrefix.Length..], out long index))
        {
            error = "the proof has no index line";
            return false;
        }

        if (!TryParseHashes(ref lines, out MerkleHash[] hashes, out error))
        {
            return false;
        }

        // Written out, because a null array converts to empty memory, and empty extra data is not none.
        ReadOnlyMemory<byte>? extraMemory = extra is null ? default(ReadOnlyMemory<byte>?) : extra;
        proof = new TlogProof(extraMemory, index, hashes, text[(Header.Length + lines.Position)..]);
        return true;
    }

    /// <summary>Writes the text.</summary>
    public byte[] Format()
    {
        Span<byte> index = stackalloc byte[DecimalDigitsMax];
        Utf8Formatter.TryFormat(Index, index, out int indexLength);

        int extraLength = Extra is null ? 0 : ExtraPrefix.Length + StrictBase64.GetTextLength(Extra.Value.Length) + 1;
        int hashLineLength = StrictBase64.GetTextLength(MerkleHash.Size) + 1;
        var text = new byte[
            Header.Length + extraLength + IndexPrefix.Length + indexLength + 1 + (Hashes.Length * hashLineLength) + 1 + Checkpoint.Length];

        Span<byte> rest = text;
        Append(ref rest, Header);
        if (Extra is { } extra)
        {
            Append(ref rest, ExtraPrefix);
            AppendBase64Line(ref rest, extra.Span);
        }

        Append(ref rest, IndexPrefix);
        Append(ref rest, index[..indexLength]);
        Append(ref rest, "\n"u8);
        foreach (ref readonly MerkleHash hash in Hashes.Span)
        {
            AppendBase64Line(ref rest, hash.AsSpan());
        }

        Append(ref rest, "\n"u8);
        Append(ref rest, Checkpoint.Span);
        return text;
    }

    private static bool TryParseHashes(ref LineReader lines, out MerkleHash[] hashes, [NotNullWhen(false)] out string? error)
    {
        hashes = [];
        Span<MerkleHash> parsed = stackalloc MerkleHash[InclusionProof.HashCountMax];
        int count = 0;
        while (true)
        {
            if (!lines.TryReadLine(out ReadOnlySpan<byte> line))
            {
                error = "the proof has no blank line between its hashes and its checkpoint";
                return false;
            }

            if (line.IsEmpty)
            {
                hashes = parsed[..count].ToArray();
                error = null;
                return true;
            }

            if (count == parsed.Length)
            {
                error = $"the proof has more than {InclusionProof.HashCountMax} hashes";
                return false;
            }

            if (!LineReader.TryParseHash(line, out parsed[count]))
            {
                error = $"hash line {count + 1} of the proof is not the base64 of 32 bytes";
                return false;
            }

            count++;
        }
    }

    private static void Append(ref Span<byte> rest, scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(rest);
        rest = rest[bytes.Length..];
    }

    private static void AppendBase64Line(ref Span<byte> rest, scoped ReadOnlySpan<byte> bytes)
    {
        rest = rest[StrictBase64.Encode(bytes, rest)..];
        Append(ref rest, "\n"u8);
    }
}
