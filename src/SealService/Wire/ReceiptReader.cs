using System.Buffers;
using System.Runtime.InteropServices;
using SealService.Merkle;

namespace SealService.Wire;

/// <summary>Reads <c>seal.v1.Receipt { 1: entry  2: index  3: inclusion_proof (repeated)  4: checkpoint }</c> where it lies.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly ref struct ReceiptReader
{
    /// <summary>Most hashes of a proof that are read; a proof in a tree of 2^63 leaves has fewer.</summary>
    public const int ProofHashesMax = 64;

    private ReceiptReader(ReadOnlySequence<byte> entry, long index, int proofHashes, ReadOnlySequence<byte> checkpoint)
    {
        Entry = entry;
        Index = index;
        ProofHashes = proofHashes;
        Checkpoint = checkpoint;
    }

    public ReadOnlySequence<byte> Entry { get; }

    public long Index { get; }

    /// <summary>How many hashes the proof has.</summary>
    public int ProofHashes { get; }

    public ReadOnlySequence<byte> Checkpoint { get; }

    /// <summary>False for malformed bytes, a hash that is not 32 bytes, or more than <see cref="ProofHashesMax"/> hashes.</summary>
    /// <param name="message">The receipt's bytes; what is read points into them.</param>
    /// <param name="proof">Gets the proof's hashes; has room for <see cref="ProofHashesMax"/>.</param>
    /// <param name="receipt">What was read.</param>
    public static bool TryRead(in ReadOnlySequence<byte> message, Span<MerkleHash> proof, out ReceiptReader receipt)
    {
        receipt = default;
        ProtobufReader.Open(message, out var reader);
        ReadOnlySequence<byte> entry = default;
        ReadOnlySequence<byte> checkpoint = default;
        ulong index = 0;
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
                (3 << 3) | ProtobufReader.LengthDelimited => count < ProofHashesMax
                    && reader.TryReadBytes(MerkleHash.AsBytes(proof.Slice(count++, 1))),
                (4 << 3) | ProtobufReader.LengthDelimited => reader.TryReadBytes(out checkpoint),
                _ => reader.TrySkip(tag),
            };
            if (!read)
            {
                return false;
            }
        }

        receipt = new ReceiptReader(entry, (long)index, count, checkpoint);
        return true;
    }

    /// <summary>Reads a receipt that is the caller's own; as <see cref="TryRead(in ReadOnlySequence{byte}, Span{MerkleHash}, out ReceiptReader)"/>.</summary>
    public static bool TryRead(in ReadOnlySequence<byte> message, out Receipt receipt)
    {
        Span<MerkleHash> proof = stackalloc MerkleHash[ProofHashesMax];
        var isReceipt = TryRead(message, proof, out var read);
        receipt = isReceipt ? new Receipt(read.Entry.ToArray(), read.Index, proof[..read.ProofHashes].ToArray(), read.Checkpoint.ToArray()) : null!;
        return isReceipt;
    }
}
