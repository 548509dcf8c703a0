using System.Buffers;
using System.Runtime.InteropServices;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>A document's SHA-256 and size.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct DocumentDigest(MerkleHash Digest, long SizeBytes)
{
    /// <summary>Big enough that the calls to read cost nothing beside the hashing, small enough for the processor's cache.</summary>
    private const int BufferBytes = 128 * 1024;

    /// <summary>Hashes what is left of a stream, in a buffer of fixed size.</summary>
    public static DocumentDigest Compute(Stream content)
    {
        ArgumentNullException.ThrowIfNull(content);
        using var hash = new Sha256Incremental();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            long size = 0;
            int read;
            while ((read = content.Read(buffer)) > 0)
            {
                hash.Append(buffer.AsSpan(0, read));
                size += read;
            }

            return new DocumentDigest(hash.Finish(), size);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Hashes a file.</summary>
    public static DocumentDigest ComputeFile(string path)
    {
        using var file = DocumentToSeal.OpenFile(path);
        return Compute(file);
    }
}
