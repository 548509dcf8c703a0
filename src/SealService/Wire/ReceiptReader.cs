using System.Buffers;
using SealService.Merkle;

namespace SealService.Wire;

/// <summary>Reads <c>seal.v1.Receipt { 1: entry  2: index  3: inclusion_proof (repeated)  4: checkpoint }</c>; what it gives is the caller's own.</summary>
internal static class ReceiptReader
{
    /// <summary>Most hashes of a proof that are read; a proof in a tree of 2^63 leaves has fewer.</summary>
    public const int ProofHashesMax = 64;

    /// <summary>False for malformed bytes, a hash that is not 32 bytes, or more than <see cref="ProofHashesMax"/> hashes.</summary>
    public static bool TryRead(in ReadOnlySequence<byte> message, out Receipt receipt)
    {
        receipt = null!;
        var reader = new ProtobufReader(message);
        ReadOnlySequence<byte> entry = default;
        ReadOnlySequence<byte> checkpoint = default;
        ulong index = 0;
        Span<MerkleHash> proof = stackalloc MerkleHash[ProofHashesMax];
        var count = 0;
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag))
            {
                return false;
            }

            var read = tag switch
            {
                (1 << 3) | ProtobufReader.LengthDelimited => reader.TryReadBytes(out entry),
                (2 << 3) | ProtobufReader.Varint => reader.TryReadVarint(out index),
                (3 << 3) | ProtobufReader.LengthDelimited => count < ProofHashesMax && TryReadHash(ref reader, out proof[count++]),
                (4 << 3) | ProtobufReader.LengthDelimited => reader.TryReadBytes(out checkpoint),
                _ => reader.TrySkip(tag),
            };
            if (!read)
            {
                return false;
            }
        }

        receipt = new Receipt(entry.ToArray(), (long)index, proof[..count].ToArray(), checkpoint.ToArray());
        return true;
    }

    private static bool TryReadHash(ref ProtobufReader reader, out MerkleHash hash)
    {
        hash = default;
        if (!reader.TryReadBytes(out var bytes) || bytes.Length != MerkleHash.Size)
        {
            return false;
        }

        Span<byte> copy = stackalloc byte[MerkleHash.Size];
        bytes.CopyTo(copy);
        hash = MerkleHash.Read(copy);
        return true;
    }
}
