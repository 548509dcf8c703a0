using System.Diagnostics.CodeAnalysis;

namespace SealService.Merkle;

/// <summary>
/// A receipt that stands alone: an entry, and the proof that it is in the tree of a signed head. With the ledger's public key
/// a <see cref="ReceiptVerifier"/> checks it offline.
/// </summary>
/// <param name="entry">The LogEntry, verbatim.</param>
/// <param name="index">The entry's index in the ledger, from 0.</param>
/// <param name="inclusionProof">The inclusion proof, the leaf's sibling first.</param>
/// <param name="checkpoint">The signed note of the checkpoint that the proof leads to, verbatim.</param>
public sealed class Receipt(
    ReadOnlyMemory<byte> entry, long index, ReadOnlyMemory<MerkleHash> inclusionProof, ReadOnlyMemory<byte> checkpoint)
{
    /// <summary>The LogEntry, verbatim.</summary>
    public ReadOnlyMemory<byte> Entry { get; } = entry;

    /// <summary>The entry's index in the ledger, from 0.</summary>
    public long Index { get; } = index;

    /// <summary>The inclusion proof (RFC 9162 section 2.1.3), the leaf's sibling first.</summary>
    public ReadOnlyMemory<MerkleHash> InclusionProof { get; } = inclusionProof;

    /// <summary>The signed note of the checkpoint that the proof leads to, verbatim.</summary>
    public ReadOnlyMemory<byte> Checkpoint { get; } = checkpoint;

    /// <summary>
    /// Parses the text of a <see cref="TlogProof"/> whose extra line is the entry. False, and why, when it is malformed. Nothing
    /// is verified.
    /// </summary>
    public static bool TryParse(ReadOnlyMemory<byte> text, [NotNullWhen(true)] out Receipt? receipt, [NotNullWhen(false)] out string? error)
    {
        receipt = null;
        if (!TlogProof.TryParse(text, out TlogProof? proof, out error))
        {
            return false;
        }

        if (proof.Extra is not { } entry)
        {
            error = "the proof has no extra line, so it is not the receipt of an entry";
            return false;
        }

        receipt = new Receipt(entry, proof.Index, proof.Hashes, proof.Checkpoint);
        return true;
    }

    /// <summary>The portable form: a C2SP tlog-proof with the entry in its extra line.</summary>
    public TlogProof ToTlogProof() => new(Entry, Index, InclusionProof, Checkpoint);

    /// <summary>The text of <see cref="ToTlogProof"/>.</summary>
    public byte[] Format() => ToTlogProof().Format();
}
