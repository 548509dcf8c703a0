using System.Text;

namespace SealService.LoadTests.Traffic;

/// <summary>The few bytes of protobuf that the generator writes and reads itself.</summary>
internal static class WireBytes
{
    private const int LengthDelimited = 2;

    public static byte Tag(int field, bool isBytes) => (byte)((field << 3) | (isBytes ? LengthDelimited : 0));

    public static int SizeOfVarint(ulong value)
    {
        var size = 1;
        while ((value >>= 7) != 0)
        {
            size++;
        }

        return size;
    }

    public static int WriteVarint(Span<byte> destination, ulong value)
    {
        var at = 0;
        for (; value >= 0x80; value >>= 7)
        {
            destination[at++] = (byte)(value | 0x80);
        }

        destination[at++] = (byte)value;
        return at;
    }

    /// <summary>A field of bytes, its tag and length included.</summary>
    public static int SizeOfField(int length) => 1 + SizeOfVarint((ulong)length) + length;

    /// <summary>Writes tag and length of a field of bytes.</summary>
    public static int WriteFieldHeader(Span<byte> destination, int field, int length)
    {
        destination[0] = Tag(field, isBytes: true);
        return 1 + WriteVarint(destination[1..], (ulong)length);
    }

    /// <summary>
    /// <c>SealDocumentsResponse</c> and <c>SealDigestsResponse</c> <c>{ 1: compact { 3: leaf_hashes }  2: sealed  3: failed { 3: message } }</c>.
    /// </summary>
    public static AnswerCount CountSealed(ReadOnlySpan<byte> message)
    {
        var at = 0;
        if (!TryReadField(message, ref at, out var field, out var body))
        {
            return new AnswerCount(0, 1, "an empty answer");
        }

        switch (field)
        {
            case 1:
                return new AnswerCount(Find(body, 3).Length / 32, 0, null);
            case 2:
                return new AnswerCount(1, 0, null);
            default:
                return new AnswerCount(1, 1, Encoding.UTF8.GetString(Find(body, 3)));
        }
    }

    /// <summary><c>VerifyReceiptsResponse { 1: ref  2: report { 1: verdict } }</c>; a baseline's report has no verdict.</summary>
    public static AnswerCount CountVerified(ReadOnlySpan<byte> message)
    {
        const int VerdictNotValid = 2;
        var report = Find(message, 2);
        var isNotValid = report.Length > 1 && report[0] == Tag(1, isBytes: false) && report[1] == VerdictNotValid;
        return new AnswerCount(1, isNotValid ? 1 : 0, isNotValid ? "a receipt is not valid" : null);
    }

    /// <summary>The bytes of a field; empty when it is absent.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> message, int wanted)
    {
        var at = 0;
        while (TryReadField(message, ref at, out var field, out var body))
        {
            if (field == wanted)
            {
                return body;
            }
        }

        return default;
    }

    private static bool TryReadField(ReadOnlySpan<byte> message, scoped ref int at, out int field, out ReadOnlySpan<byte> body)
    {
        body = default;
        field = 0;
        if (!TryReadVarint(message, ref at, out var tag) || !TryReadVarint(message, ref at, out var value))
        {
            return false;
        }

        field = (int)(tag >> 3);
        if ((tag & 7) == LengthDelimited)
        {
            body = message.Slice(at, (int)value);
            at += (int)value;
        }

        return true;
    }

    private static bool TryReadVarint(ReadOnlySpan<byte> message, scoped ref int at, out ulong value)
    {
        value = 0;
        for (var shift = 0; at < message.Length && shift < 64; shift += 7)
        {
            var octet = message[at++];
            value |= (ulong)(octet & 0x7F) << shift;
            if (octet < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
