using System.Buffers.Binary;

namespace SealService.LoadTests.Traffic;

/// <summary>The requests of one stream, framed before the run so that sending one costs a copy. One sender's own.</summary>
internal abstract class FrameSource
{
    /// <summary>The method's path.</summary>
    public abstract string Path { get; }

    /// <summary>Document bytes that one document counts for, on average.</summary>
    public abstract double BytesPerDocument { get; }

    /// <summary>How many documents one write carries at least.</summary>
    public virtual int DocumentsPerWriteMin => 1;

    /// <summary>Frames of the next documents, at least one; valid until the next call.</summary>
    public abstract ReadOnlyMemory<byte> Next(int documentsMax, out int documents);

    /// <summary>What a response says; failures are counted, not thrown.</summary>
    public abstract AnswerCount Count(ReadOnlySpan<byte> message);

    /// <summary>Writes the prefix of a gRPC message: not compressed, and its length.</summary>
    public static void WritePrefix(Span<byte> frame, int length)
    {
        frame[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(frame[1..], (uint)length);
    }
}

/// <summary>How many documents a response is for, and what it says went wrong.</summary>
internal readonly record struct AnswerCount(int Documents, int Failed, string? Error);
