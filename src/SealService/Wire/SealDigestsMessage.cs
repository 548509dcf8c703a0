using System.Buffers;
using SealService.Merkle;

namespace SealService.Wire;

/// <summary>
/// One <c>seal.v1.SealDigestsRequest</c>, its digests still in the transport's buffers. The optional columns are copied; a stream that uses
/// none of them allocates nothing here.
/// </summary>
internal ref struct SealDigestsMessage
{
    /// <summary>The StreamOptions.</summary>
    public ProtobufReader Options { get; private set; }

    public bool HasOptions { get; private set; }

    public ulong FirstReference { get; private set; }

    public ulong Algorithm { get; private set; }

    /// <summary>n digests of 32 bytes.</summary>
    public ReadOnlySequence<byte> Digests { get; private set; }

    /// <summary>Empty, or n.</summary>
    public List<long>? SizesBytes { get; private set; }

    /// <summary>Empty, or n.</summary>
    public List<byte[]>? IdempotencyKeys { get; private set; }

    /// <summary>Empty, or n.</summary>
    public List<byte[]>? DocumentIds { get; private set; }

    /// <summary>The number of digests.</summary>
    public readonly int Count => (int)(Digests.Length / MerkleHash.Size);

    /// <summary>
    /// Reads a message; false for malformed bytes, or a column of more than <paramref name="digestsMax"/> elements. Whether the columns fit together is for the caller to check.
    /// <code>
    /// SealDigestsRequest { 1: options  2: first_ref  3: algorithm  4: digests  5: document_sizes_bytes (packed or not)
    ///                      6: idempotency_keys (repeated)  7: document_ids (repeated) }
    /// </code>
    /// </summary>
    public static bool TryRead(in ReadOnlySequence<byte> message, int digestsMax, out SealDigestsMessage result)
    {
        result = default;
        ProtobufReader.Open(message, out var reader);
        while (!reader.AtEnd)
        {
            if (!reader.TryReadTag(out var tag) || !result.TryReadField(ref reader, tag, digestsMax))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryReadField(ref ProtobufReader reader, uint tag, int digestsMax)
    {
        ReadOnlySequence<byte> bytes;
        ulong number;
        switch (tag)
        {
            case (1 << 3) | ProtobufReader.LengthDelimited when reader.TryReadMessage(out var options):
                Options = options;
                HasOptions = true;
                return true;
            case (2 << 3) | ProtobufReader.Varint when reader.TryReadVarint(out number):
                FirstReference = number;
                return true;
            case (3 << 3) | ProtobufReader.Varint when reader.TryReadVarint(out number):
                Algorithm = number;
                return true;
            case (4 << 3) | ProtobufReader.LengthDelimited when reader.TryReadBytes(out bytes):
                Digests = bytes;
                return true;
            case (5 << 3) | ProtobufReader.LengthDelimited when reader.TryReadMessage(out var sizes):
                return TryReadSizes(ref sizes, digestsMax);
            case (5 << 3) | ProtobufReader.Varint when HasRoom(SizesBytes, digestsMax) && reader.TryReadVarint(out number):
                (SizesBytes ??= []).Add((long)number);
                return true;
            case (6 << 3) | ProtobufReader.LengthDelimited when HasRoom(IdempotencyKeys, digestsMax) && reader.TryReadBytes(out bytes):
                (IdempotencyKeys ??= []).Add(CopyId(bytes));
                return true;
            case (7 << 3) | ProtobufReader.LengthDelimited when HasRoom(DocumentIds, digestsMax) && reader.TryReadBytes(out bytes):
                (DocumentIds ??= []).Add(CopyId(bytes));
                return true;
            default:
                return tag >> 3 > 7 && reader.TrySkip(tag);
        }
    }

    private bool TryReadSizes(ref ProtobufReader packed, int digestsMax)
    {
        while (!packed.AtEnd)
        {
            if (!HasRoom(SizesBytes, digestsMax) || !packed.TryReadVarint(out var size))
            {
                return false;
            }

            (SizesBytes ??= []).Add((long)size);
        }

        return true;
    }

    // A column is refused while it is read, before it costs memory.
    private static bool HasRoom<T>(List<T>? column, int digestsMax) => column is null || column.Count < digestsMax;

    // One byte more than allowed is enough to see that it is too long.
    private static byte[] CopyId(in ReadOnlySequence<byte> id) => id.Slice(0, Math.Min(id.Length, DocumentFields.IdBytesMax + 1)).ToArray();
}
