using System.Runtime.InteropServices;
using Grpc.Core;
using SealService.Ledger;
using SealService.Merkle;

namespace SealService.Wire;

/// <summary>
/// One answer of a sealing stream, written without generated types: <c>seal.v1.SealDocumentsResponse</c>, and with the same bytes
/// <c>seal.v1.SealDigestsResponse</c>.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct SealingAnswer
{
    /// <summary>Writes answers into the transport's buffer. There is nothing to read: a server sends them only.</summary>
    public static readonly Marshaller<SealingAnswer> Marshaller = new(
        static (answer, context) => answer.Write(context),
        static _ => throw new NotSupportedException("A server does not read answers."));

    // The fields of the oneof.
    private const uint CompactField = 1;
    private const uint SealedField = 2;
    private const uint FailedField = 3;

    private readonly SealedSegment? _segment;
    private readonly Receipt? _receipt;
    private readonly string? _message;
    private readonly ulong _reference;
    private readonly StatusCode _code;
    private readonly bool _alreadySealed;

    private SealingAnswer(SealedSegment? segment, ulong reference, Receipt? receipt, bool alreadySealed, StatusCode code, string? message)
    {
        _segment = segment;
        _reference = reference;
        _receipt = receipt;
        _alreadySealed = alreadySealed;
        _code = code;
        _message = message;
    }

    /// <summary>The receipts of a whole segment, compact.</summary>
    public static SealingAnswer Compact(SealedSegment segment) => new(segment, 0, null, false, default, null);

    /// <summary>One document's full receipt.</summary>
    public static SealingAnswer Sealed(ulong reference, Receipt receipt, bool alreadySealed) => new(null, reference, receipt, alreadySealed, default, null);

    /// <summary>One document that was not sealed.</summary>
    public static SealingAnswer Failed(ulong reference, StatusCode code, string message) => new(null, reference, null, false, code, message);

    private void Write(SerializationContext context)
    {
        if (_segment is not null)
        {
            WriteCompact(context, _segment);
        }
        else if (_receipt is not null)
        {
            WriteSealed(context, _receipt);
        }
        else
        {
            WriteFailed(context, _message ?? "");
        }
    }

    // CompactReceipts { 1: checkpoint  2: first_index  3: leaf_hashes  4: left_range  5: right_range  6: salt_key
    //                   7: sealed_at_unix_ms  8: sealed_at_offsets_ms (packed)  9: refs (packed) }
    private static void WriteCompact(SerializationContext context, SealedSegment segment)
    {
        var note = segment.Head.Note.Span;
        var leafHashes = MerkleHash.AsBytes(segment.LeafHashes);
        var left = MerkleHash.AsBytes(segment.LeftRange);
        var right = MerkleHash.AsBytes(segment.RightRange);
        var offsets = segment.SealedAtOffsetsMs;
        var offsetsSize = 0;
        foreach (var offset in offsets)
        {
            offsetsSize += ProtobufWriter.SizeOfVarint(offset);
        }

        var references = segment.References;
        var referencesSize = 0;
        foreach (var reference in references)
        {
            referencesSize += ProtobufWriter.SizeOfVarint(reference);
        }

        var size = ProtobufWriter.SizeOfBytes(note.Length) + ProtobufWriter.SizeOfVarintField((ulong)segment.FirstIndex)
            + ProtobufWriter.SizeOfBytes(leafHashes.Length) + ProtobufWriter.SizeOfBytes(left.Length) + ProtobufWriter.SizeOfBytes(right.Length)
            + ProtobufWriter.SizeOfBytes(segment.SaltKey.Length) + ProtobufWriter.SizeOfVarintField((ulong)segment.SealedAtUnixMs)
            + ProtobufWriter.SizeOfBytes(offsetsSize) + ProtobufWriter.SizeOfBytes(referencesSize);
        var writer = Begin(context, CompactField, size);
        writer.WriteBytesField(1, note);
        writer.WriteVarintField(2, (ulong)segment.FirstIndex);
        writer.WriteBytesField(3, leafHashes);
        writer.WriteBytesField(4, left);
        writer.WriteBytesField(5, right);
        writer.WriteBytesField(6, segment.SaltKey);
        writer.WriteVarintField(7, (ulong)segment.SealedAtUnixMs);
        if (offsetsSize > 0)
        {
            writer.WriteLength(8, offsetsSize);
            foreach (var offset in offsets)
            {
                writer.WriteVarint(offset);
            }
        }

        writer.WriteLength(9, referencesSize);
        foreach (var reference in references)
        {
            writer.WriteVarint(reference);
        }

        writer.Flush();
        context.Complete();
    }

    // SealedDocument { 1: ref  2: receipt  3: already_sealed }
    private void WriteSealed(SerializationContext context, Receipt receipt)
    {
        var receiptSize = ReceiptWriter.GetSize(receipt);
        var size = ProtobufWriter.SizeOfVarintField(_reference) + ProtobufWriter.SizeOfBytes(receiptSize) + ProtobufWriter.SizeOfVarintField(_alreadySealed ? 1u : 0);
        var writer = Begin(context, SealedField, size);
        writer.WriteVarintField(1, _reference);
        writer.WriteLength(2, receiptSize);
        ReceiptWriter.Write(ref writer, receipt);
        writer.WriteVarintField(3, _alreadySealed ? 1u : 0);
        writer.Flush();
        context.Complete();
    }

    // FailedDocument { 1: ref  2: code  3: message }
    private void WriteFailed(SerializationContext context, string text)
    {
        var message = System.Text.Encoding.UTF8.GetBytes(text);
        var size = ProtobufWriter.SizeOfVarintField(_reference) + ProtobufWriter.SizeOfVarintField((ulong)_code) + ProtobufWriter.SizeOfBytes(message.Length);
        var writer = Begin(context, FailedField, size);
        writer.WriteVarintField(1, _reference);
        writer.WriteVarintField(2, (ulong)_code);
        writer.WriteBytesField(3, message);
        writer.Flush();
        context.Complete();
    }

    private static ProtobufWriter Begin(SerializationContext context, uint field, int size)
    {
        context.SetPayloadLength(1 + ProtobufWriter.SizeOfVarint((ulong)size) + size);
        var writer = new ProtobufWriter(context.GetBufferWriter());
        writer.WriteLength(field, size);
        return writer;
    }
}
