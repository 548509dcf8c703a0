using System.Buffers.Binary;
using Google.Protobuf;
using Grpc.Core;
using Seal.V1;
using SealService.Hosting;
using KeyAlgorithm = Seal.V1.KeyAlgorithm;

namespace SealService.Services;

/// <summary>Implements <c>seal.v1.Keys</c>.</summary>
internal sealed class KeysService(LedgerDirectory ledgers) : Keys.KeysBase
{
    public override Task<ListKeysResponse> ListKeys(ListKeysRequest request, ServerCallContext context)
    {
        var asked = request.Ledger.Length == 0 ? ledgers.All : [ledgers.Get(request.Ledger)];
        return Task.FromResult(new ListKeysResponse { Keys = { asked.Select(ToMessage) } });
    }

    private static Key ToMessage(HostedLedger ledger) => new()
    {
        Ledger = ledger.Name,
        Origin = ledger.Options.Origin,
        Algorithm = ledger.SigningKey.Algorithm == Pkcs11.KeyAlgorithm.Ed25519 ? KeyAlgorithm.Ed25519 : KeyAlgorithm.EcdsaP256Sha256,
        Status = KeyStatus.Active,
        Vkey = ledger.VerifierKey.ToString(),
        PublicKeySpki = ByteString.CopyFrom(ledger.SigningKey.SubjectPublicKeyInfo.Span),
        KeyId = ByteString.CopyFrom(BigEndian(ledger.VerifierKey.KeyId)),
    };

    private static byte[] BigEndian(uint keyId)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, keyId);
        return bytes;
    }
}
