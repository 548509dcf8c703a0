using System.Text.Json.Serialization;

namespace SealService.Cli.Output;

// The shapes of --json: one JSON document a command, or one a line where there can be many. They are described in
// README.md and only ever gain members. Digests and hashes are lower-case hex; times are RFC 3339 in UTC.

internal sealed record ErrorJson(string Type, string Code, string Message, int ExitCode);

internal sealed record SealedDocumentJson(
    string Type, string Path, string Outcome, string? Digest, long? SizeBytes, long? Index, string? Receipt, string? EarlierReceipt, FailureJson? Error);

internal sealed record FailureJson(string Code, string Message);

internal sealed record SealSummaryJson(
    string Type,
    long Documents,
    long Sealed,
    long AlreadySealed,
    long Skipped,
    long Changed,
    long Failed,
    long Bytes,
    double Seconds,
    double DocumentsPerSecond,
    bool Interrupted);

internal sealed record VerifiedDocumentJson(
    string Type,
    string Path,
    string Receipt,
    string Verdict,
    string? Digest,
    long? SizeBytes,
    long? Index,
    DateTimeOffset? SealedAt,
    string? Origin,
    string? DocumentId,
    IReadOnlyList<CheckJson> Checks);

internal sealed record CheckJson(string Check, string Outcome, string Detail);

internal sealed record VerifySummaryJson(string Type, long Documents, long Valid, long NotValid, double Seconds);

internal sealed record CheckpointJson(string Origin, long TreeSize, string RootHash, string Note, bool SignatureVerified);

internal sealed record EntryJson(
    long Index,
    string? Kind,
    string? Digest,
    long? SizeBytes,
    DateTimeOffset? SealedAt,
    string? DocumentId,
    string? IdempotencyKeySha256,
    string? MetadataCommitment,
    string LeafHash,
    string Entry,
    string? Error);

internal sealed record InclusionProofJson(
    long Index, long TreeSize, string LeafHash, string RootHash, IReadOnlyList<string> Hashes, CheckpointJson Checkpoint);

internal sealed record ConsistencyProofJson(
    long FirstSize,
    long SecondSize,
    string FirstRootHash,
    string SecondRootHash,
    IReadOnlyList<string> Hashes,
    CheckpointJson Checkpoint);

internal sealed record ReceiptJson(long Index, string Entry, string TlogProof, string? WrittenTo);

internal sealed record KeysJson(IReadOnlyList<KeyJson> Keys);

internal sealed record KeyJson(
    string Ledger, string Origin, string Algorithm, string Status, string Vkey, string KeyId, string PublicKeySpki, bool Known);

internal sealed record StatusJson(string Server, string Health, double LatencyMs, CheckpointJson? Checkpoint);

/// <summary>Serialization made at build time: no reflection, so the command starts fast.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorJson))]
[JsonSerializable(typeof(SealedDocumentJson))]
[JsonSerializable(typeof(SealSummaryJson))]
[JsonSerializable(typeof(VerifiedDocumentJson))]
[JsonSerializable(typeof(VerifySummaryJson))]
[JsonSerializable(typeof(CheckpointJson))]
[JsonSerializable(typeof(EntryJson))]
[JsonSerializable(typeof(InclusionProofJson))]
[JsonSerializable(typeof(ConsistencyProofJson))]
[JsonSerializable(typeof(ReceiptJson))]
[JsonSerializable(typeof(KeysJson))]
[JsonSerializable(typeof(StatusJson))]
internal sealed partial class JsonShapes : JsonSerializerContext;
