using System.Buffers;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services;

/// <summary>
/// Receipts of one stream that arrived together, with their documents, all where they lie in the transport's buffers: documents are hashed
/// and proofs are followed side by side. Allocates nothing for a receipt that is valid. For one call.
/// </summary>
internal sealed class ReceiptGroup(ReceiptVerifier verifier) : IDisposable
{
    // Entries and checkpoints that the transport's buffers hold in pieces are put together here; they have some 450 bytes a receipt.
    private const int JoinedBytesMax = 16 * 1024;

    private readonly Sha256Group _hashes = new();
    private readonly ulong[] _references = new ulong[InclusionProofGroup.ProofsMax];
    private readonly SubmittedReceipt[] _receipts = new SubmittedReceipt[InclusionProofGroup.ProofsMax];
    private readonly int[] _hashed = new int[Sha256Group.MessagesMax]; // of which receipt each document is
    private readonly MerkleHash[] _digests = new MerkleHash[Sha256Group.MessagesMax];
    private readonly VerificationReport[] _reports = new VerificationReport[InclusionProofGroup.ProofsMax];
    private readonly MerkleHash[] _proofs = ArrayPool<MerkleHash>.Shared.Rent(InclusionProofGroup.ProofsMax * ReceiptReader.ProofHashesMax);
    private readonly byte[] _joined = ArrayPool<byte>.Shared.Rent(JoinedBytesMax);
    private int _proofHashes;
    private int _joinedBytes;

    public int Count { get; private set; }

    public bool IsFull => Count == _receipts.Length;

    /// <summary>Adds a <c>VerifyReceiptsRequest</c>, for which there is room; its bytes stay where they are until the group is verified.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT: it is malformed.</exception>
    public void Add(in ReadOnlySequence<byte> request)
    {
        if (!VerifyReceiptsMessage.TryRead(request, out var message)
            || !ReceiptReader.TryRead(message.Receipt, _proofs.AsSpan(_proofHashes), out var receipt))
        {
            throw BadRequest.Of("receipt", "is not valid protobuf, or its proof has a hash that is not 32 bytes");
        }

        var proof = _proofs.AsMemory(_proofHashes, receipt.ProofHashes);
        var submitted = new SubmittedReceipt(InOnePiece(receipt.Entry), receipt.Index, proof, InOnePiece(receipt.Checkpoint));
        if (message.Document is { } document)
        {
            _hashed[_hashes.Count] = Count;
            _hashes.Add(document);
            submitted = submitted with { DocumentSizeBytes = document.Length };
        }
        else if (message.Digest is { } digest)
        {
            submitted = submitted with { DocumentDigest = ReadDigest(digest) };
        }

        _proofHashes += proof.Length;
        _references[Count] = message.Reference;
        _receipts[Count++] = submitted;
    }

    /// <summary>Checks all; <see cref="GetAnswer"/> has the results until the next is added.</summary>
    /// <returns>How many there were.</returns>
    public int Verify()
    {
        var documents = _hashes.Count;
        _hashes.Finish(_digests);
        for (var i = 0; i < documents; i++)
        {
            ref var receipt = ref _receipts[_hashed[i]];
            receipt = receipt with { DocumentDigest = _digests[i] };
        }

        var receipts = _receipts.AsSpan(0, Count);
        verifier.VerifyGroup(receipts, _reports);
        receipts.Clear();
        Count = 0;
        _proofHashes = 0;
        _joinedBytes = 0;
        return receipts.Length;
    }

    public VerificationAnswer GetAnswer(int position) => new(_references[position], _reports[position]);

    public void Dispose()
    {
        _hashes.Dispose();
        ArrayPool<MerkleHash>.Shared.Return(_proofs);
        ArrayPool<byte>.Shared.Return(_joined);
    }

    private static MerkleHash ReadDigest(in ReadOnlySequence<byte> digest)
    {
        if (digest.Length != MerkleHash.Size)
        {
            throw BadRequest.Of("digest", $"has {digest.Length} bytes; a SHA-256 digest has 32");
        }

        Span<byte> copy = stackalloc byte[MerkleHash.Size];
        digest.CopyTo(copy);
        return MerkleHash.Read(copy);
    }

    private ReadOnlyMemory<byte> InOnePiece(in ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsSingleSegment)
        {
            return bytes.First;
        }

        if (bytes.Length > JoinedBytesMax - _joinedBytes)
        {
            return bytes.ToArray();
        }

        var joined = _joined.AsMemory(_joinedBytes, (int)bytes.Length);
        bytes.CopyTo(joined.Span);
        _joinedBytes += joined.Length;
        return joined;
    }
}
