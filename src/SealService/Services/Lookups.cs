using System.Text;
using Google.Protobuf;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services;

/// <summary>Checks the values that entries are looked up by, in the form in which the ledger knows them.</summary>
internal static class Lookups
{
    public static ReadOnlyMemory<byte> DocumentId(string field, string value) => Text(field, value);

    public static ReadOnlyMemory<byte> IdempotencyKey(string field, string value) => Sha256.HashData(Text(field, value)).ToArray();

    public static ReadOnlyMemory<byte> Digest(string field, ByteString value) =>
        value.Length == MerkleHash.Size ? value.Memory : throw BadRequest.Of(field, $"has {value.Length} bytes; a SHA-256 digest has 32");

    private static byte[] Text(string field, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        return bytes.Length is 0 or > DocumentFields.IdBytesMax ? throw BadRequest.Of(field, $"has {bytes.Length} bytes; it must have 1 to {DocumentFields.IdBytesMax}") : bytes;
    }
}
