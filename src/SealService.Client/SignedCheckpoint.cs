using SealService.Merkle;

namespace SealService.Client;

/// <summary>A signed head of a ledger, with what is known of its signature.</summary>
/// <param name="Note">The C2SP signed note, verbatim.</param>
/// <param name="Checkpoint">What it says.</param>
/// <param name="IsVerified">True when a trusted key of its origin signed it; false when no key is trusted and nobody looked.</param>
public sealed record SignedCheckpoint(ReadOnlyMemory<byte> Note, Checkpoint Checkpoint, bool IsVerified);
