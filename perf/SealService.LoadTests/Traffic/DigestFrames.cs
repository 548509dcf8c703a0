using System.Buffers.Binary;
using SealService.LoadTests.Transport;
using SealService.Merkle;

namespace SealService.LoadTests.Traffic;

/// <summary>Digests for <c>SealDigests</c>, many a message; each is written anew in part before it is sent.</summary>
internal sealed class DigestFrames : FrameSource
{
    /// <summary>Digests in one message.</summary>
    public const int DigestsPerMessage = 512;

    private const int FirstReferenceBytes = 3;
    private const int FirstReference = 1 << 14;
    private const int ReferenceSpan = 1 << 20;

    private readonly byte[] _frame;
    private readonly int _referenceAt;
    private readonly int _digestsAt;
    private readonly ulong _stream;
    private long _sent; // owned by the sender

    public DigestFrames(int stream, int seed)
    {
        _stream = (ulong)stream << 48;
        const int DigestsLength = DigestsPerMessage * MerkleHash.Size;
        _frame = new byte[GrpcResponses.PrefixBytes + 1 + FirstReferenceBytes + 2 + WireBytes.SizeOfField(DigestsLength)];
        WritePrefix(_frame, _frame.Length - GrpcResponses.PrefixBytes);
        var at = GrpcResponses.PrefixBytes;
        // SealDigestsRequest { 2: first_ref  3: algorithm  4: digests }
        _frame[at++] = WireBytes.Tag(2, isBytes: false);
        _referenceAt = at;
        at += FirstReferenceBytes;
        _frame[at++] = WireBytes.Tag(3, isBytes: false);
        _frame[at++] = 1; // DIGEST_ALGORITHM_SHA256
        _digestsAt = at + WireBytes.WriteFieldHeader(_frame.AsSpan(at), 4, DigestsLength);
#pragma warning disable CA5394 // any bytes do as digests
        new Random(seed).NextBytes(_frame.AsSpan(_digestsAt));
#pragma warning restore CA5394
    }

    public override string Path => "/seal.v1.Sealing/SealDigests";

    public override double BytesPerDocument => MerkleHash.Size;

    public override int DocumentsPerWriteMin => DigestsPerMessage;

    public override ReadOnlyMemory<byte> Next(int documentsMax, out int documents)
    {
        WireBytes.WriteVarint(_frame.AsSpan(_referenceAt), FirstReference + (ulong)(_sent % ReferenceSpan));
        for (var i = 0; i < DigestsPerMessage; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_frame.AsSpan(_digestsAt + (i * MerkleHash.Size)), _stream | (ulong)(_sent + i));
        }

        _sent += DigestsPerMessage;
        documents = DigestsPerMessage;
        return _frame;
    }

    public override AnswerCount Count(ReadOnlySpan<byte> message) => WireBytes.CountSealed(message);
}
