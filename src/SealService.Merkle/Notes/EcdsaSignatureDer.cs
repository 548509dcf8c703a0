using System.Formats.Asn1;

namespace SealService.Merkle;

/// <summary>ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 section 2.2.3).</summary>
internal static class EcdsaSignatureDer
{
    /// <summary>Encodes r || s, two big-endian numbers of equal length, as PKCS#11 gives them.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> rs)
    {
        int half = rs.Length / 2;
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteIntegerUnsigned(TrimZeros(rs[..half]));
            writer.WriteIntegerUnsigned(TrimZeros(rs[half..]));
        }

        return writer.Encode();
    }

    private static ReadOnlySpan<byte> TrimZeros(ReadOnlySpan<byte> number)
    {
        int zeros = number.IndexOfAnyExcept((byte)0);
        return zeros < 0 ? number[^1..] : number[zeros..];
    }
}
