extern alias server;

using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using Seal.V1;
using SealService.Merkle;
using SealService.Tests.Merkle;
using server::SealService.Services;
using server::SealService.Wire;
using Xunit;
using LogEntry = SealService.Merkle.LogEntry;
using Receipt = SealService.Merkle.Receipt;
using ReceiptMessage = Seal.V1.Receipt;

namespace SealService.Tests.Server;

/// <summary>Requests of <c>VerifyReceipts</c>, of Google's encoder and in pieces, get the answers that each receipt gets by itself.</summary>
public sealed class ReceiptGroupTests
{
    private static readonly SealedSample Sample = new(77);

    [Fact]
    public void Answers_AnyRequests_AreThoseOfEachReceiptAlone()
    {
        var random = SeededRandom.Create();
        var verifier = Sample.Verifier;
        using var group = new ReceiptGroup(verifier);
        var valid = 0;
        for (var run = 0; run < 300; run++)
        {
            VerifyReceiptsRequest[] requests = [.. Enumerable.Range(0, random.Next(InclusionProofGroup.ProofsMax + 1)).Select(_ => Draw(random))];
            foreach (var request in requests)
            {
                group.Add(random.Next(2) == 0 ? new ReadOnlySequence<byte>(request.ToByteArray()) : ReferenceProtobuf.InPieces(request.ToByteArray(), random));
            }

            Assert.Equal(requests.Length, group.Count);
            Assert.Equal(requests.Length, group.Verify());
            Assert.Equal(requests.Select(request => Expect(request, verifier)), requests.Select((_, i) => Read(group.GetAnswer(i))));
            valid += requests.Select((_, i) => Read(group.GetAnswer(i))).Count(answer => answer.Report.Verdict == Verdict.Valid);
        }

        Assert.True(valid > 300, $"Only {valid} receipts were valid: the test compares too little.");
    }

    [Fact]
    public void Add_MalformedRequest_NamesTheField()
    {
        var good = Message(Sample.Receipt(3));
        var hash = ByteString.CopyFrom(new byte[MerkleHash.Size]);
        AssertRefused("receipt", Change(r => r.InclusionProof[0] = ByteString.CopyFrom(new byte[31])));
        AssertRefused("receipt", Change(r => r.InclusionProof[0] = ByteString.CopyFrom(new byte[33])));
        AssertRefused("receipt", Change(r => r.InclusionProof.Add(Enumerable.Repeat(hash, ReceiptReader.ProofHashesMax))));
        AssertRefused("digest", new VerifyReceiptsRequest { Receipt = good, Digest = ByteString.CopyFrom(new byte[31]) }.ToByteArray());
        AssertRefused("receipt", [(2 << 3) | 2, 2, (1 << 3) | 2, 200]); // an entry that says that it is longer than the message
        AssertRefused("receipt", [(2 << 3) | 2, 2, (3 << 3) | 2, MerkleHash.Size]);
        AssertRefused("receipt", [(2 << 3) | 2, 200, 1]);

        byte[] Change(Action<ReceiptMessage> change)
        {
            var receipt = good.Clone();
            change(receipt);
            return new VerifyReceiptsRequest { Receipt = receipt, Digest = hash }.ToByteArray();
        }

        static void AssertRefused(string field, byte[] request)
        {
            using var group = new ReceiptGroup(Sample.Verifier);
            var failure = Assert.Throws<RpcException>(() => group.Add(new ReadOnlySequence<byte>(request)));
            Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
            Assert.StartsWith(field, failure.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ValidReceipts_AllocateNothing()
    {
        var content = SealedSample.Content(7);
        VerifyReceiptsRequest[] requests =
        [
            new() { Receipt = Message(Sample.Receipt(7)), Document = ByteString.CopyFrom(content) },
            new() { Receipt = Message(Sample.Receipt(7)), Digest = ByteString.CopyFrom(Sha256.HashData(content).AsSpan()) },
            new() { Receipt = Message(Sample.Receipt(7)) },
        ];
        var random = SeededRandom.Create();
        ReadOnlySequence<byte>[] messages =
            [.. requests.SelectMany(r => new[] { new ReadOnlySequence<byte>(r.ToByteArray()), ReferenceProtobuf.InPieces(r.ToByteArray(), random) })];
        using var group = new ReceiptGroup(Sample.Verifier);
        var output = new ArrayBufferWriter<byte>(64 * 1024);
        var context = new BufferContext(output);
        Verify(); // the signature, and first use

        var before = GC.GetAllocatedBytesForCurrentThread();
        Verify();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Verify()
        {
            foreach (ref readonly var message in messages.AsSpan())
            {
                group.Add(message);
            }

            var count = group.Verify();
            for (var i = 0; i < count; i++)
            {
                VerificationAnswer.Marshaller.ContextualSerializer(group.GetAnswer(i), context);
            }
        }
    }

    // Requests of every form; the receipt is often changed in one thing.
    private static VerifyReceiptsRequest Draw(Random random)
    {
        var index = random.Next(Sample.Size);
        var receipt = Message(Sample.Receipt(index));
        switch (random.Next(9))
        {
            case 0:
                receipt.Index = random.NextInt64(long.MinValue, long.MaxValue);
                break;
            case 1:
                receipt.InclusionProof.Clear();
                receipt.InclusionProof.Add(Enumerable.Range(0, random.Next(ReceiptReader.ProofHashesMax + 1)).Select(_ => ByteString.CopyFrom(random.NextBytes(32))));
                break;
            case 2:
                receipt.Entry = ByteString.CopyFrom(random.NextBytes(random.Next(4) == 0 ? LogEntry.EntryBytesMax + 1 : random.Next(100)));
                break;
            case 3:
                receipt.Checkpoint = ByteString.CopyFrom(random.NextBytes(random.Next(4) == 0 ? 20_000 : random.Next(300)));
                break;
            case 4:
                var note = receipt.Checkpoint.ToByteArray();
                note[random.Next(note.Length)] ^= 1;
                receipt.Checkpoint = ByteString.CopyFrom(note);
                break;
        }

        var content = SealedSample.Content(random.Next(4) == 0 ? index + 1 : index);
        var request = new VerifyReceiptsRequest { Ref = (ulong)random.NextInt64(), Receipt = receipt };
        switch (random.Next(3))
        {
            case 0:
                request.Document = ByteString.CopyFrom(content);
                break;
            case 1:
                request.Digest = ByteString.CopyFrom(Sha256.HashData(content).AsSpan());
                break;
        }

        return request;
    }

    private static VerifyReceiptsResponse Expect(VerifyReceiptsRequest request, ReceiptVerifier verifier)
    {
        var sent = request.Receipt;
        var receipt = new Receipt(
            sent.Entry.Memory, sent.Index, sent.InclusionProof.Select(hash => MerkleHash.Read(hash.Span)).ToArray(), sent.Checkpoint.Memory);
        MerkleHash? digest = request.SubjectCase switch
        {
            VerifyReceiptsRequest.SubjectOneofCase.Document => Sha256.HashData(request.Document.Span),
            VerifyReceiptsRequest.SubjectOneofCase.Digest => MerkleHash.Read(request.Digest.Span),
            _ => null,
        };
        long? size = request.SubjectCase == VerifyReceiptsRequest.SubjectOneofCase.Document ? request.Document.Length : null;
        var report = verifier.Verify(receipt, digest, size, explainPassed: false);
        return new VerifyReceiptsResponse
        {
            Ref = request.Ref,
            Report = new Seal.V1.VerificationReport
            {
                Verdict = report.IsValid ? Verdict.Valid : Verdict.NotValid,
                Checks =
                {
                    report.Checks.Select(c => new Seal.V1.VerificationCheck
                        { Kind = (Seal.V1.CheckKind)c.Kind, Outcome = (Seal.V1.CheckOutcome)c.Outcome, Detail = c.Detail }),
                },
            },
        };
    }

    private static VerifyReceiptsResponse Read(VerificationAnswer answer)
    {
        var output = new ArrayBufferWriter<byte>();
        var context = new BufferContext(output);
        VerificationAnswer.Marshaller.ContextualSerializer(answer, context);
        Assert.Equal(output.WrittenCount, context.Announced);
        return VerifyReceiptsResponse.Parser.ParseFrom(output.WrittenSpan);
    }

    private static ReceiptMessage Message(Receipt receipt)
    {
        var message = new ReceiptMessage
        {
            Entry = ByteString.CopyFrom(receipt.Entry.Span),
            Index = receipt.Index,
            Checkpoint = ByteString.CopyFrom(receipt.Checkpoint.Span),
        };
        foreach (var hash in receipt.InclusionProof.Span)
        {
            message.InclusionProof.Add(ByteString.CopyFrom(hash.AsSpan()));
        }

        return message;
    }
}
