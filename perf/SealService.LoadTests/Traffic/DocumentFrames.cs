using System.Buffers.Binary;
using System.Runtime.InteropServices;
using SealService.LoadTests.Transport;
using SealService.Merkle;

namespace SealService.LoadTests.Traffic;

/// <summary>
/// Whole documents for <c>SealDocuments</c>. A ring of documents is framed once; before one is sent, its ref and its first bytes are written
/// anew, so that no two documents of a run are the same.
/// </summary>
internal sealed class DocumentFrames : FrameSource
{
    // Refs have three bytes on the wire, so that they fit into the room that was framed for them.
    private const int FirstReference = 1 << 14;
    private const int ReferenceSpan = 1 << 20;
    private const int ReferenceBytes = 3;
    private const int CounterBytes = sizeof(ulong);

    // Small enough to stay in the cache, large enough that one write carries many documents.
    private const int RingBytes = 1024 * 1024;
    private const int WriteBytesMax = 256 * 1024;
    private const int SlotsMin = 4;

    private readonly byte[] _ring;
    private readonly Slot[] _slots;
    private readonly ulong _stream;
    private long _sent; // owned by the sender

    /// <param name="documents">The documents to take in turn.</param>
    /// <param name="stream">Makes this stream's documents differ from the others'.</param>
    public DocumentFrames(IReadOnlyList<byte[]> documents, int stream)
    {
        _stream = (ulong)stream << 48;
        var slots = new List<Slot>();
        using var ring = new MemoryStream();
        for (var i = 0; ring.Length < RingBytes || i < Math.Max(SlotsMin, documents.Count); i++)
        {
            var document = documents[i % documents.Count];
            var frame = Frame(document, out var referenceAt);
            var begin = (int)ring.Length;
            slots.Add(new Slot(begin, frame.Length, begin + referenceAt, begin + frame.Length - document.Length, document.Length));
            ring.Write(frame);
        }

        _ring = ring.ToArray();
        _slots = [.. slots];
        BytesPerDocument = _slots.Average(s => s.ContentLength);
    }

    public override string Path => "/seal.v1.Sealing/SealDocuments";

    public override double BytesPerDocument { get; }

    public override ReadOnlyMemory<byte> Next(int documentsMax, out int documents)
    {
        var first = (int)(_sent % _slots.Length);
        var begin = _slots[first].Begin;
        var end = begin;
        documents = 0;
        while (documents < documentsMax && first + documents < _slots.Length)
        {
            var slot = _slots[first + documents];
            if (documents > 0 && slot.Begin + slot.Length - begin > WriteBytesMax)
            {
                break;
            }

            WireBytes.WriteVarint(_ring.AsSpan(slot.ReferenceAt), ReferenceOf(_sent));
            WriteCounter(_ring.AsSpan(slot.ContentAt, slot.ContentLength), _sent);
            end = slot.Begin + slot.Length;
            documents++;
            _sent++;
        }

        return _ring.AsMemory(begin, end - begin);
    }

    public override AnswerCount Count(ReadOnlySpan<byte> message) => WireBytes.CountSealed(message);

    /// <summary>The ref that document <paramref name="number"/> (from 0) of the stream was sent with.</summary>
    public static ulong ReferenceOf(long number) => FirstReference + (ulong)(number % ReferenceSpan);

    /// <summary>What was sent as document <paramref name="number"/> of the stream. For any thread: what differs between laps is not read.</summary>
    public SubmittedDocument Submitted(long number)
    {
        var slot = _slots[number % _slots.Length];
        var content = new byte[slot.ContentLength];
        _ring.AsSpan(slot.ContentAt, slot.ContentLength).CopyTo(content);
        WriteCounter(content, number);
        return new SubmittedDocument { Kind = EntryKind.Document, Digest = Sha256.HashData(content), SizeBytes = content.Length };
    }

    // SealDocumentsRequest { 1: ref  3: whole { 2: content } }
    private static byte[] Frame(byte[] document, out int referenceAt)
    {
        var wholeLength = WireBytes.SizeOfField(document.Length);
        var frame = new byte[GrpcResponses.PrefixBytes + 1 + ReferenceBytes + WireBytes.SizeOfField(wholeLength)];
        WritePrefix(frame, frame.Length - GrpcResponses.PrefixBytes);
        var at = GrpcResponses.PrefixBytes;
        frame[at++] = WireBytes.Tag(1, isBytes: false);
        referenceAt = at;
        at += ReferenceBytes;
        at += WireBytes.WriteFieldHeader(frame.AsSpan(at), 3, wholeLength);
        at += WireBytes.WriteFieldHeader(frame.AsSpan(at), 2, document.Length);
        document.CopyTo(frame, at);
        return frame;
    }

    private void WriteCounter(Span<byte> content, long number)
    {
        if (content.Length >= CounterBytes)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(content, _stream | (ulong)number);
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Slot(int Begin, int Length, int ReferenceAt, int ContentAt, int ContentLength);
}
