using System.Buffers.Binary;
using System.Text;

namespace SealService.Merkle;

/// <summary>One signature line of a signed note: <c>— name base64(keyID || signature)</c>.</summary>
/// <param name="Name">The key's name.</param>
/// <param name="KeyId">The key's id; big-endian in the line.</param>
/// <param name="Signature">The signature, without the key id.</param>
public sealed record NoteSignature(string Name, uint KeyId, ReadOnlyMemory<byte> Signature)
{
    internal const int KeyIdBytes = 4;

    internal static ReadOnlySpan<byte> LinePrefix => "— "u8;

    /// <summary>Whether it says that it is by <paramref name="key"/>: it has the key's name and id.</summary>
    public bool IsBy(VerifierKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return KeyId == key.KeyId && string.Equals(Name, key.Name, StringComparison.Ordinal);
    }

    /// <summary>Key names are not empty and have neither white space, nor control characters, nor '+'.</summary>
    internal static bool IsName(string name) =>
        name.Length != 0 && !name.Any(character => character is '+' or < ' ' || char.IsWhiteSpace(character));

    internal static bool TryParseLine(ReadOnlySpan<byte> line, out NoteSignature? signature)
    {
        signature = null;
        if (!line.StartsWith(LinePrefix))
        {
            return false;
        }

        line = line[LinePrefix.Length..];
        int nameLength = line.IndexOf((byte)' ');
        if (nameLength < 0 || !StrictBase64.TryDecode(line[(nameLength + 1)..], out byte[]? blob) || blob.Length <= KeyIdBytes)
        {
            return false;
        }

        string name = Encoding.UTF8.GetString(line[..nameLength]);
        if (!IsName(name))
        {
            return false;
        }

        signature = new NoteSignature(name, BinaryPrimitives.ReadUInt32BigEndian(blob), blob.AsMemory(KeyIdBytes));
        return true;
    }

    internal int GetLineLength() =>
        LinePrefix.Length + Encoding.UTF8.GetByteCount(Name) + 1 + StrictBase64.GetTextLength(KeyIdBytes + Signature.Length) + 1;

    internal int WriteLine(Span<byte> destination)
    {
        LinePrefix.CopyTo(destination);
        int length = LinePrefix.Length;
        length += Encoding.UTF8.GetBytes(Name, destination[length..]);
        destination[length++] = (byte)' ';

        var blob = new byte[KeyIdBytes + Signature.Length];
        BinaryPrimitives.WriteUInt32BigEndian(blob, KeyId);
        Signature.Span.CopyTo(blob.AsSpan(KeyIdBytes));
        length += StrictBase64.Encode(blob, destination[length..]);
        destination[length++] = (byte)'\n';
        return length;
    }
}
