using System.Buffers;
using Grpc.Core;
using SealService.Merkle;

namespace SealService.BaselineServer;

/// <summary>
/// An answer with the shape and the size of the service's <c>CompactReceipts</c>: 32 bytes and a reference for each document, and once a
/// checkpoint and the compact ranges beside the batch. Lent by its builder until it was written.
/// </summary>
internal readonly struct CompactAnswer
{
    // What a checkpoint, the ranges, the salt key and the times take in the service's answers.
    private const int OverheadBytes = 900;

    public static readonly Marshaller<CompactAnswer> Marshaller = new(
        static (answer, context) => answer.Write(context),
        static _ => throw new NotSupportedException("A server does not read answers."));

    private static readonly byte[] Overhead = new byte[OverheadBytes];

    private readonly Builder _documents;

    private CompactAnswer(Builder documents) => _documents = documents;

    // SealDocumentsResponse { 1: compact { 1: checkpoint  3: leaf_hashes  9: refs } }
    private void Write(SerializationContext context)
    {
        var hashes = _documents.HashBytes;
        var references = _documents.ReferenceBytes;
        var size = SizeOf(OverheadBytes) + SizeOf(hashes.Length) + SizeOf(references.Length);
        context.SetPayloadLength(SizeOf(size));
        var writer = context.GetBufferWriter();
        WriteLength(writer, 1, size);
        WriteField(writer, 1, Overhead);
        WriteField(writer, 3, hashes);
        WriteField(writer, 9, references);
        context.Complete();
        _documents.Clear();
    }

    private static int SizeOf(int length) => 1 + Builder.SizeOfVarint((uint)length) + length;

    private static void WriteField(IBufferWriter<byte> writer, int field, ReadOnlySpan<byte> bytes)
    {
        WriteLength(writer, field, bytes.Length);
        writer.Write(bytes);
    }

    private static void WriteLength(IBufferWriter<byte> writer, int field, int length)
    {
        var span = writer.GetSpan(6);
        span[0] = (byte)((field << 3) | 2);
        writer.Advance(1 + Builder.WriteVarint(span[1..], (uint)length));
    }

    /// <summary>Collects documents for one answer after another. Not thread-safe.</summary>
    public sealed class Builder(int documentsMax)
    {
        private const int VarintBytesMax = 10;

        private readonly MerkleHash[] _hashes = new MerkleHash[documentsMax];
        private readonly byte[] _references = new byte[documentsMax * VarintBytesMax];
        private int _count;
        private int _referencesLength;

        public bool IsEmpty => _count == 0;

        public bool IsFull => _count == _hashes.Length;

        public ReadOnlySpan<byte> HashBytes => MerkleHash.AsBytes(_hashes.AsSpan(0, _count));

        public ReadOnlySpan<byte> ReferenceBytes => _references.AsSpan(0, _referencesLength);

        public void Add(ulong reference, in MerkleHash hash)
        {
            _hashes[_count++] = hash;
            _referencesLength += WriteVarint(_references.AsSpan(_referencesLength), reference);
        }

        /// <summary>The answer for what was added; writing it empties the builder.</summary>
        public CompactAnswer Take() => new(this);

        public void Clear()
        {
            _count = 0;
            _referencesLength = 0;
        }

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
    }
}
