using System.Security.Cryptography;
using System.Text;
using SealService.Merkle;

namespace SealService.Cli.Sealing;

/// <summary>
/// Idempotency keys that follow from what is sealed, so that a run that was cut off and started again gets the entries that
/// were made already. In lower-case hex, the SHA-256 of these lines, each ended by LF:
/// <code>
/// seal-cli idempotency key v1
/// origin of the ledger
/// digest of the document, hex
/// the document's path relative to the folder given ('/' between the parts), or its file name
/// </code>
/// The same content at two paths is two entries; the same path with other content is another entry.
/// </summary>
internal static class IdempotencyKeys
{
    private const string Context = "seal-cli idempotency key v1";

    public static string Derive(string origin, in MerkleHash digest, string relativePath) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Context}\n{origin}\n{digest}\n{relativePath}\n")));
}
