using System.Buffers;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services;

/// <summary>
/// Receipts of one stream that arrived together, with their documents where they lie in the transport's buffers: documents are hashed and
/// proofs are followed side by side. For one call.
/// </summary>
internal sealed class ReceiptGroup(ReceiptVerifier verifier) : IDisposable
{
    private readonly Sha256Group _hashes = new();
    private readonly ulong[] _references = new ulong[InclusionProofGroup.ProofsMax];
    private readonly SubmittedReceipt[] _receipts = new SubmittedReceipt[InclusionProofGroup.ProofsMax];
    private readonly int[] _hashed = new int[Sha256Group.MessagesMax]; // of which receipt each document is
    private readonly MerkleHash[] _digests = new MerkleHash[Sha256Group.MessagesMax];
    private readonly VerificationReport[] _reports = new VerificationReport[InclusionProofGroup.ProofsMax];

    public int Count { get; private set; }

    public bool IsFull => Count == _receipts.Length;

    /// <summary>Adds a receipt; there is room.</summary>
    public void Add(ulong reference, Merkle.Receipt receipt, MerkleHash? digest)
    {
        _references[Count] = reference;
        _receipts[Count++] = new SubmittedReceipt(receipt, digest, DocumentSizeBytes: null);
    }

    /// <summary>Adds a receipt with its document, which stays where it is until the group is verified.</summary>
    public void Add(ulong reference, Merkle.Receipt receipt, in ReadOnlySequence<byte> document)
    {
        _hashed[_hashes.Count] = Count;
        _hashes.Add(document);
        _references[Count] = reference;
        _receipts[Count++] = new SubmittedReceipt(receipt, DocumentDigest: null, document.Length);
    }

    /// <summary>Checks all; <see cref="GetAnswer"/> has the results until the next is added.</summary>
    /// <returns>How many there were.</returns>
    public int Verify()
    {
        var documents = _hashes.Count;
        _hashes.Finish(_digests);
        for (var i = 0; i < documents; i++)
        {
            _receipts[_hashed[i]] = _receipts[_hashed[i]] with { DocumentDigest = _digests[i] };
        }

        verifier.VerifyGroup(_receipts.AsSpan(0, Count), _reports);
        var count = Count;
        Count = 0;
        return count;
    }

    public VerificationAnswer GetAnswer(int position) => new(_references[position], _reports[position]);

    public void Dispose() => _hashes.Dispose();
}
