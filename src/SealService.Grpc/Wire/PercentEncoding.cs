using System.Buffers;
using System.Text;

namespace Grpc.Wire;

/// <summary>
/// <c>grpc-message</c>: UTF-8, every byte but %x20-24 and %x26-7E percent-encoded. Decoding never fails: what is not a valid
/// escape stands for itself, what is not valid UTF-8 becomes U+FFFD.
/// </summary>
internal static class PercentEncoding
{
    /// <summary>Of a longer text the rest is not sent: trailers have to fit into the peer's header limit (8 KiB is usual).</summary>
    public const int TextCharsMax = 2048;

    private static readonly SearchValues<char> Unescaped =
        SearchValues.Create(string.Concat(Enumerable.Range(0x20, 0x7F - 0x20).Select(c => (char)c).Where(c => c != '%')));

    public static string Encode(string text)
    {
        if (text.Length > TextCharsMax)
        {
            // Never between the two halves of a surrogate pair.
            text = text[..(char.IsHighSurrogate(text[TextCharsMax - 1]) ? TextCharsMax - 1 : TextCharsMax)];
        }

        var escapeAt = text.AsSpan().IndexOfAnyExcept(Unescaped);
        if (escapeAt < 0)
        {
            return text;
        }

        var encoded = new StringBuilder(text.Length + 16).Append(text, 0, escapeAt);
        foreach (var octet in Encoding.UTF8.GetBytes(text[escapeAt..]))
        {
            if (octet is >= 0x20 and <= 0x7E and not (byte)'%')
            {
                encoded.Append((char)octet);
            }
            else
            {
                encoded.Append('%').Append(octet.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return encoded.ToString();
    }

    public static string Decode(string encoded)
    {
        if (!encoded.Contains('%', StringComparison.Ordinal))
        {
            return encoded;
        }

        var octets = new byte[Encoding.UTF8.GetMaxByteCount(encoded.Length)];
        var count = 0;
        var at = 0;
        while (at < encoded.Length)
        {
            if (encoded[at] == '%'
                && at + 2 < encoded.Length
                && char.IsAsciiHexDigit(encoded[at + 1])
                && char.IsAsciiHexDigit(encoded[at + 2]))
            {
                octets[count++] = Convert.FromHexString(encoded.AsSpan(at + 1, 2))[0];
                at += 3;
            }
            else
            {
                // Up to the next escape, so that surrogate pairs stay together.
                var next = encoded.IndexOf('%', at + 1);
                var end = next < 0 ? encoded.Length : next;
                count += Encoding.UTF8.GetBytes(encoded.AsSpan(at, end - at), octets.AsSpan(count));
                at = end;
            }
        }

        return Encoding.UTF8.GetString(octets, 0, count);
    }
}
