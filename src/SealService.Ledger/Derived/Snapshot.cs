using System.Buffers.Binary;
using System.Security.Cryptography;
using SealService.Ledger.Sequencing;
using SealService.Ledger.Storage;
using SealService.Merkle;

namespace SealService.Ledger.Derived;

/// <summary>A state of the tree from which a start goes on, and up to which the other derived files are durable.</summary>
/// <param name="Edge">The compact range [0, tree size).</param>
/// <param name="Address">The address of the last record in it.</param>
/// <param name="BatchesChecksum">The checksum of <see cref="BatchDirectory"/>.</param>
/// <param name="Note">The signed checkpoint of that record.</param>
/// <remarks>
/// The file <c>snapshot</c>; numbers are big-endian:
/// <code>
///  0  u32  magic "SLS2"
///  4  u32  length of the note, in bytes
///  8  u64  tree size
/// 16  u64  address
/// 24  u32  checksum of the batch directory
/// 28  u32  zero
/// 32       hashes of the edge, 32 bytes each; their number follows from the tree size
///          note
///          SHA-256 of everything before it
/// </code>
/// </remarks>
internal sealed record Snapshot(CompactRange Edge, long Address, uint BatchesChecksum, ReadOnlyMemory<byte> Note)
{
    public const string FileName = "snapshot";
    private const uint Magic = 0x534C5332;
    private const int HeaderBytes = 32;

    public long TreeSize => Edge.End;

    public void Write(string folder)
    {
        int hashesBytes = Edge.Hashes.Length * MerkleHash.Size;
        byte[] file = new byte[HeaderBytes + hashesBytes + Note.Length + SHA256.HashSizeInBytes];
        BinaryPrimitives.WriteUInt32BigEndian(file, Magic);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4), Note.Length);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(8), TreeSize);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(16), Address);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(24), BatchesChecksum);
        Edge.WriteTo(file.AsSpan(HeaderBytes));
        Note.Span.CopyTo(file.AsSpan(HeaderBytes + hashesBytes));
        SHA256.HashData(file.AsSpan(..^SHA256.HashSizeInBytes), file.AsSpan(^SHA256.HashSizeInBytes..));
        Fsync.Replace(Path.Combine(folder, FileName), file);
    }

    /// <summary>Reads the snapshot; null when there is none that is whole and of its own signed checkpoint.</summary>
    /// <exception cref="LedgerException">Another key signed it: no damage, so nothing may be thrown away for it.</exception>
    public static Snapshot? TryReadSigned(string folder, CheckpointAuthority authority)
    {
        Snapshot? snapshot = TryRead(folder);
        if (snapshot is null)
        {
            return null;
        }

        return authority.TryOpen(snapshot.Note, out Checkpoint checkpoint, out string error)
            ? checkpoint.TreeSize == snapshot.TreeSize && checkpoint.RootHash == snapshot.Edge.GetRootHash() ? snapshot : null
            : throw authority.AnotherKey($"The checkpoint of the snapshot in {folder}", error);
    }

    /// <summary>Reads the snapshot; null when there is none, or none that is whole.</summary>
    public static Snapshot? TryRead(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        byte[] file = File.ReadAllBytes(path);
        if (file.Length < HeaderBytes + SHA256.HashSizeInBytes
            || BinaryPrimitives.ReadUInt32BigEndian(file) != Magic
            || !SHA256.HashData(file.AsSpan(..^SHA256.HashSizeInBytes)).AsSpan().SequenceEqual(file.AsSpan(^SHA256.HashSizeInBytes..)))
        {
            return null;
        }

        // The checksum holds, so what follows is what Write wrote.
        int noteBytes = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(4));
        long treeSize = BinaryPrimitives.ReadInt64BigEndian(file.AsSpan(8));
        long address = BinaryPrimitives.ReadInt64BigEndian(file.AsSpan(16));
        uint batchesChecksum = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(24));
        int noteAt = file.Length - SHA256.HashSizeInBytes - noteBytes;
        return CompactRange.TryRead(0, treeSize, file.AsSpan(HeaderBytes, noteAt - HeaderBytes), out CompactRange? edge)
            ? new Snapshot(edge, address, batchesChecksum, file.AsMemory(noteAt, noteBytes))
            : null;
    }
}
