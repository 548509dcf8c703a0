using Google.Protobuf;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>Hashes as they come over the wire.</summary>
internal static class WireHashes
{
    /// <exception cref="InvalidAnswerException">It is not one hash.</exception>
    public static MerkleHash Read(ByteString bytes) =>
        bytes.Length == MerkleHash.Size ? MerkleHash.Read(bytes.Span) : throw new InvalidAnswerException($"a hash of {bytes.Length} bytes");

    /// <exception cref="InvalidAnswerException">One of them is not a hash.</exception>
    public static MerkleHash[] ReadAll(IEnumerable<ByteString> hashes) => [.. hashes.Select(Read)];

    /// <summary>Reads hashes that lie one after another.</summary>
    /// <exception cref="InvalidAnswerException">The length is not that of whole hashes.</exception>
    public static MerkleHash[] ReadConcatenated(ByteString bytes) =>
        bytes.Length % MerkleHash.Size == 0
            ? MerkleHash.Cast(bytes.Span).ToArray()
            : throw new InvalidAnswerException($"hashes of {bytes.Length} bytes altogether");
}
