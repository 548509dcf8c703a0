using Grpc.Net.Client;
using Seal.V1;
using SealService.Merkle;

namespace SealService.EndToEndTests.Harness;

/// <summary>Checks receipts with a server's key and nothing else of it.</summary>
internal static class ServerKeys
{
    public static async Task<TrustedVerifier> CreateVerifierAsync(RealServer server)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        var keys = await new Keys.KeysClient(channel).ListKeysAsync(new ListKeysRequest());
        Assert.True(VerifierKey.TryParse(keys.Keys[0].Vkey, out var key, out var error), error); // the default ledger's
        return new TrustedVerifier(key);
    }
}

/// <summary>A verifier that fails the test unless a receipt is valid for a document.</summary>
internal sealed class TrustedVerifier(VerifierKey key)
{
    private readonly ReceiptVerifier _verifier = new([key]);

    public VerifierKey Key { get; } = key;

    public void AssertValid(Seal.V1.Receipt receipt, byte[] document) => AssertValid(
        new Merkle.Receipt(
            receipt.Entry.Memory, receipt.Index, receipt.InclusionProof.Select(h => MerkleHash.Read(h.Span)).ToArray(), receipt.Checkpoint.Memory),
        document);

    public void AssertValid(Merkle.Receipt receipt, byte[] document)
    {
        var report = _verifier.Verify(receipt, Sha256.HashData(document), document.Length);
        Assert.True(report.IsValid, report.FirstFailure?.Detail);
    }
}
