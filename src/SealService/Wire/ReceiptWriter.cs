using SealService.Merkle;

namespace SealService.Wire;

/// <summary>Writes <c>seal.v1.Receipt { 1: entry  2: index  3: inclusion_proof (repeated)  4: checkpoint }</c> into an answer.</summary>
internal static class ReceiptWriter
{
    /// <summary>The bytes of the message that <see cref="Write"/> writes.</summary>
    public static int GetSize(Receipt receipt) =>
        ProtobufWriter.SizeOfBytes(receipt.Entry.Length) + ProtobufWriter.SizeOfVarintField((ulong)receipt.Index)
        + (receipt.InclusionProof.Length * ProtobufWriter.SizeOfBytes(MerkleHash.Size)) + ProtobufWriter.SizeOfBytes(receipt.Checkpoint.Length);

    /// <summary>Writes the message, without a tag and a length.</summary>
    public static void Write(ref ProtobufWriter writer, Receipt receipt)
    {
        writer.WriteBytesField(1, receipt.Entry.Span);
        writer.WriteVarintField(2, (ulong)receipt.Index);
        foreach (ref readonly var hash in receipt.InclusionProof.Span)
        {
            writer.WriteBytesField(3, hash.AsSpan());
        }

        writer.WriteBytesField(4, receipt.Checkpoint.Span);
    }
}
