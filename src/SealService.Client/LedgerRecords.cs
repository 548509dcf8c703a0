using SealService.Merkle;

namespace SealService.Client;

/// <summary>An entry as the ledger holds it.</summary>
/// <param name="Index">Its index, from 0.</param>
/// <param name="Bytes">The LogEntry, verbatim.</param>
public sealed record LoggedEntry(long Index, ReadOnlyMemory<byte> Bytes);

/// <summary>An inclusion proof that was checked.</summary>
/// <param name="Index">The entry's index.</param>
/// <param name="TreeSize">The size of the tree that it is proved in.</param>
/// <param name="LeafHash">The entry's leaf hash.</param>
/// <param name="RootHash">That tree's root.</param>
/// <param name="Hashes">The proof, the leaf's sibling first.</param>
/// <param name="Checkpoint">The signed head of that tree, or of one that it was shown to be a prefix of.</param>
public sealed record ProvenInclusion(
    long Index, long TreeSize, MerkleHash LeafHash, MerkleHash RootHash, IReadOnlyList<MerkleHash> Hashes, SignedCheckpoint Checkpoint);

/// <summary>A consistency proof that was checked.</summary>
/// <param name="FirstSize">The smaller tree's size.</param>
/// <param name="SecondSize">The larger tree's size.</param>
/// <param name="FirstRootHash">The smaller tree's root.</param>
/// <param name="SecondRootHash">The larger tree's root.</param>
/// <param name="Hashes">The proof.</param>
/// <param name="Checkpoint">The signed head of the larger tree, or of one that it was shown to be a prefix of.</param>
public sealed record ProvenConsistency(
    long FirstSize,
    long SecondSize,
    MerkleHash FirstRootHash,
    MerkleHash SecondRootHash,
    IReadOnlyList<MerkleHash> Hashes,
    SignedCheckpoint Checkpoint);

/// <summary>A key that the server says a ledger is signed with. What comes from the server proves nothing about the server.</summary>
/// <param name="Ledger">The ledger that it signs for.</param>
/// <param name="Origin">The origin of that ledger's checkpoints.</param>
/// <param name="IsActive">True when it signs new heads; false when it signs no more.</param>
/// <param name="VerifierKey">The key.</param>
public sealed record LedgerKey(string Ledger, string Origin, bool IsActive, VerifierKey VerifierKey);

/// <summary>What the server says of itself (grpc.health.v1).</summary>
public enum ServerHealth
{
    /// <summary>It says nothing that is known here.</summary>
    Unknown,

    /// <summary>It takes calls.</summary>
    Serving,

    /// <summary>It is starting, shutting down, or its HSM does not answer.</summary>
    NotServing,
}
