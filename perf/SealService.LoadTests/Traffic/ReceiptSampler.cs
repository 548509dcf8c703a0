using System.Threading.Channels;
using SealService.LoadTests.Measuring;
using SealService.LoadTests.Transport;
using SealService.Merkle;

namespace SealService.LoadTests.Traffic;

/// <summary>
/// Verifies a random share of the answers in full, beside the run: the checkpoint's signature, the path from every leaf to its root, and that
/// every leaf is the entry of the document that was sent. Safe for concurrent use.
/// </summary>
internal sealed class ReceiptSampler : IAsyncDisposable
{
    /// <summary>The share of answers that is verified.</summary>
    public const double Share = 0.01;

    // Answers that wait to be verified; when there are more, the run is not held up for them.
    private const int WaitingMax = 32;

    private readonly ReceiptVerifier _verifier;
    private readonly Channel<Sample> _samples = Channel.CreateBounded<Sample>(WaitingMax);
    private readonly Task _verifying;
    private long _verified;

    public ReceiptSampler(VerifierKey key)
    {
        _verifier = new ReceiptVerifier([key]);
        _verifying = Task.Run(VerifyAsync);
    }

    /// <summary>Receipts that were verified so far.</summary>
    public long Verified => Volatile.Read(ref _verified);

    /// <summary>Perhaps takes an answer, which begins with document <paramref name="firstNumber"/> of its stream.</summary>
    public void Offer(Random random, ReadOnlySpan<byte> message, DocumentFrames documents, long firstNumber, StreamMeter meter)
    {
#pragma warning disable CA5394 // a sample need not be unpredictable
        if (random.NextDouble() < Share)
#pragma warning restore CA5394
        {
            _samples.Writer.TryWrite(new Sample(message.ToArray(), documents, firstNumber, meter));
        }
    }

    /// <summary>Verifies a full receipt.</summary>
    /// <exception cref="GrpcCallException">It does not prove that the document was sealed.</exception>
    public void Verify(Seal.V1.Receipt message, MerkleHash digest, long sizeBytes)
    {
        var proof = new MerkleHash[message.InclusionProof.Count];
        for (var i = 0; i < proof.Length; i++)
        {
            proof[i] = MerkleHash.Read(message.InclusionProof[i].Span);
        }

        var report = _verifier.Verify(new Receipt(message.Entry.Memory, message.Index, proof, message.Checkpoint.Memory), digest, sizeBytes);
        if (!report.IsValid)
        {
            throw new GrpcCallException("a receipt is not valid: " + report.FirstFailure?.Detail);
        }

        Interlocked.Increment(ref _verified);
    }

    /// <summary>Finishes what was taken.</summary>
    public async ValueTask DisposeAsync()
    {
        _samples.Writer.Complete();
        await _verifying;
    }

    private async Task VerifyAsync()
    {
        await foreach (var sample in _samples.Reader.ReadAllAsync())
        {
            if (FindFault(sample) is { } fault)
            {
                sample.Meter.Failed(fault);
            }
        }
    }

    private string? FindFault(Sample sample)
    {
        var answer = Seal.V1.SealDocumentsResponse.Parser.ParseFrom(sample.Message).Compact;
        if (answer is null)
        {
            return null; // a failure; it was counted already
        }

        using var receipts = new CompactReceipts
        {
            Checkpoint = answer.Checkpoint.Memory,
            FirstIndex = answer.FirstIndex,
            LeafHashes = answer.LeafHashes.Memory,
            LeftRange = answer.LeftRange.Memory,
            RightRange = answer.RightRange.Memory,
            SaltKey = answer.SaltKey.Memory,
            SealedAtUnixMs = answer.SealedAtUnixMs,
            SealedAtOffsetsMs = answer.SealedAtOffsetsMs.ToArray(),
        };
        if (!_verifier.TryVerify(receipts, out var error))
        {
            return error;
        }

        for (var i = 0; i < receipts.Count; i++)
        {
            var number = sample.FirstNumber + i;
            if (answer.Refs[i] != DocumentFrames.ReferenceOf(number))
            {
                return $"the answer is for ref {answer.Refs[i]} where {DocumentFrames.ReferenceOf(number)} is due";
            }

            if (!receipts.TryExpand(i, sample.Documents.Submitted(number), out _, out error))
            {
                return error;
            }
        }

        Interlocked.Add(ref _verified, receipts.Count);
        return null;
    }

    private sealed record Sample(byte[] Message, DocumentFrames Documents, long FirstNumber, StreamMeter Meter);
}
