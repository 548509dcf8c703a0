using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace SealService.Merkle;

/// <summary>
/// RFC 4648 section 4 in its one canonical form: padded, no white space, unused bits zero. Each value has one text, so no
/// two different receipts say the same.
/// </summary>
internal static class StrictBase64
{
    /// <summary>The length of the text of so many bytes.</summary>
    public static int GetTextLength(int byteCount) => Base64.GetMaxEncodedToUtf8Length(byteCount);

    /// <summary>Writes the text of <paramref name="source"/> and returns its length.</summary>
    public static int Encode(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        OperationStatus status = Base64.EncodeToUtf8(source, destination, out _, out int written);
        return status == OperationStatus.Done
            ? written
            : throw new ArgumentException("The destination is too short.", nameof(destination));
    }

    /// <summary>Decodes the whole text. False when it is not canonical.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, [NotNullWhen(true)] out byte[]? decoded)
    {
        decoded = null;
        if (!TryGetByteCount(text, out int byteCount))
        {
            return false;
        }

        var bytes = new byte[byteCount];
        if (!TryDecode(text, bytes))
        {
            return false;
        }

        decoded = bytes;
        return true;
    }

    /// <summary>Decodes a text of exactly the destination's length in bytes. False when it is another, or not canonical.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        // .NET's decoder skips white space, which then leaves too few bytes, and may let unused bits be set.
        return TryGetByteCount(text, out int byteCount)
            && byteCount == destination.Length
            && Base64.DecodeFromUtf8(text, destination, out int consumed, out int written) == OperationStatus.Done
            && consumed == text.Length
            && written == byteCount
            && HasZeroUnusedBits(text, destination);
    }

    private static bool TryGetByteCount(ReadOnlySpan<byte> text, out int byteCount)
    {
        byteCount = 0;
        if (text.Length % 4 != 0)
        {
            return false;
        }

        int padding = text.EndsWith("=="u8) ? 2 : text.EndsWith("="u8) ? 1 : 0;
        byteCount = (text.Length / 4 * 3) - padding;
        return true;
    }

    private static bool HasZeroUnusedBits(ReadOnlySpan<byte> text, ReadOnlySpan<byte> decoded)
    {
        int tail = decoded.Length % 3;
        if (tail == 0)
        {
            return true;
        }

        Span<byte> canonical = stackalloc byte[4];
        Encode(decoded[^tail..], canonical);
        return text.EndsWith(canonical);
    }
}
