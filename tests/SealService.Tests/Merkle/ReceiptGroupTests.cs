using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

/// <summary>Receipts that are verified side by side get the reports that each gets by itself.</summary>
public sealed class ReceiptGroupTests
{
    [Fact]
    public void VerifyGroup_AnyReceipts_ReportsAsForEachAlone()
    {
        Random random = SeededRandom.Create();
        SealedSample[] samples = [new(1), new(2), new(21), new(64), new(77)];
        ReceiptVerifier verifier = new(samples.Select(sample => sample.Signer.Key));
        VerificationReport[] reports = new VerificationReport[InclusionProofGroup.ProofsMax];
        int valid = 0;
        for (int run = 0; run < 200; run++)
        {
            (Receipt Receipt, MerkleHash? Digest, long? Size)[] submitted =
                [.. Enumerable.Range(0, random.Next(InclusionProofGroup.ProofsMax + 1)).Select(_ => Draw(samples, random))];
            verifier.VerifyGroup([.. submitted.Select(one => SubmittedReceipt.Of(one.Receipt, one.Digest, one.Size))], reports);
            Assert.All(submitted, (one, i) =>
            {
                VerificationReport alone = verifier.Verify(one.Receipt, one.Digest, one.Size, explainPassed: false);
                Assert.Equal<VerificationCheck>(alone.Checks, reports[i].Checks);
                VerificationReport explained = verifier.Verify(one.Receipt, one.Digest, one.Size); // looks at each check in any case
                Assert.Equal(explained.Checks.Select(check => check.Outcome), reports[i].Checks.Select(check => check.Outcome));
                valid += alone.IsValid ? 1 : 0;
            });
        }

        Assert.True(valid > 100, $"Only {valid} receipts were valid: the test compares too little.");
    }

    [Fact]
    public void VerifyGroup_TooMany_Throws()
    {
        SealedSample sample = new(3);
        SubmittedReceipt[] receipts = new SubmittedReceipt[InclusionProofGroup.ProofsMax + 1];
        Assert.Throws<ArgumentException>(() => sample.Verifier.VerifyGroup(receipts, new VerificationReport[receipts.Length]));
        Assert.Throws<ArgumentException>(() => sample.Verifier.VerifyGroup(receipts.AsSpan(0, 2), new VerificationReport[1]));
    }

    [Fact]
    public void ProofGroup_AnyProofs_RootsAsForEachAlone()
    {
        Random random = SeededRandom.Create();
        InclusionProofGroup group = new();
        MerkleHash?[] roots = new MerkleHash?[InclusionProofGroup.ProofsMax];
        for (int run = 0; run < 500; run++)
        {
            // Shapes up to the largest, and proofs that are too long, too short, or of no leaf.
            (MerkleHash Leaf, long Index, long Size, MerkleHash[] Proof)[] proofs = [.. Enumerable.Range(0, random.Next(17)).Select(_ =>
            {
                long size = 1 + (random.NextInt64() >> random.Next(63));
                long index = random.NextInt64(size);
                int hashes = Math.Max(0, InclusionProof.GetHashCount(index, size) + (random.Next(4) == 0 ? random.Next(-1, 2) : 0));
                byte[] bytes = random.NextBytes((hashes + 1) * MerkleHash.Size);
                return (MerkleHash.Cast(bytes)[0], random.Next(8) == 0 ? size : index, size, MerkleHash.Cast(bytes.AsSpan(MerkleHash.Size)).ToArray());
            })];
            foreach ((MerkleHash leaf, long index, long size, MerkleHash[] proof) in proofs)
            {
                group.Add(leaf, index, size, proof);
            }

            group.Finish(roots);
            Assert.All(proofs, (one, i) =>
                Assert.Equal(InclusionProof.TryGetRootHash(one.Leaf, one.Index, one.Size, one.Proof, out MerkleHash root) ? root : null, roots[i]));
        }
    }

    [Fact]
    public void ProofGroup_NeighboursAndChangedCopies_RootsAsForEachAlone()
    {
        Random random = SeededRandom.Create();
        InclusionProofGroup group = new();
        MerkleHash?[] roots = new MerkleHash?[InclusionProofGroup.ProofsMax];
        int changed = 0;
        for (int run = 0; run < 500; run++)
        {
            int size = random.Next(1, 100);
            MerkleHash[] leaves = [.. Enumerable.Range(0, size).Select(_ => MerkleHash.Cast(random.NextBytes(MerkleHash.Size))[0])];
            using BatchTree tree = new(new CompactRange(), leaves);
            int index = random.Next(size);
            (MerkleHash Leaf, long Index, long Size, MerkleHash[] Proof)[] proofs = [.. Enumerable.Range(0, random.Next(17)).Select(_ =>
            {
                index = random.Next(4) > 0 ? (index + 1) % size : index;
                MerkleHash[] proof = new MerkleHash[InclusionProof.HashCountMax];
                proof = proof[..tree.WriteInclusionProof(index, proof)];
                MerkleHash leaf = leaves[index];
                if (random.Next(3) == 0)
                {
                    int at = random.Next(-1, proof.Length);
                    byte[] other = (at < 0 ? leaf : proof[at]).AsSpan().ToArray();
                    other[random.Next(other.Length)] ^= 1;
                    (at < 0 ? ref leaf : ref proof[at]) = MerkleHash.Cast(other)[0];
                    changed++;
                }

                return (leaf, random.Next(8) == 0 ? random.Next(size) : (long)index, (long)size + (random.Next(8) == 0 ? 1 : 0), proof);
            })];
            foreach ((MerkleHash leaf, long at, long treeSize, MerkleHash[] proof) in proofs)
            {
                group.Add(leaf, at, treeSize, proof);
            }

            group.Finish(roots);
            Assert.All(proofs, (one, i) =>
                Assert.Equal(InclusionProof.TryGetRootHash(one.Leaf, one.Index, one.Size, one.Proof, out MerkleHash root) ? root : null, roots[i]));
        }

        Assert.True(changed > 500, $"Only {changed} proofs were changed.");
    }

    // A receipt, often changed in one thing, with or without its document.
    private static (Receipt Receipt, MerkleHash? Digest, long? Size) Draw(SealedSample[] samples, Random random)
    {
        SealedSample sample = samples[random.Next(samples.Length)];
        int index = random.Next(sample.Size);
        Receipt good = sample.Receipt(index);
        Receipt receipt = random.Next(6) switch
        {
            0 => new Receipt(good.Entry, random.Next(-1, sample.Size + 2), good.InclusionProof, good.Checkpoint),
            1 => new Receipt(good.Entry, good.Index, new MerkleHash[random.Next(10)], good.Checkpoint),
            2 => new Receipt(random.NextBytes(random.Next(100)), good.Index, good.InclusionProof, good.Checkpoint),
            3 => new Receipt(good.Entry, good.Index, good.InclusionProof, random.NextBytes(200)),
            _ => good,
        };
        byte[] content = SealedSample.Content(random.Next(3) == 0 ? index + 1 : index);
        return random.Next(4) == 0 ? (receipt, null, null) : (receipt, Sha256.HashData(content), content.Length);
    }
}
