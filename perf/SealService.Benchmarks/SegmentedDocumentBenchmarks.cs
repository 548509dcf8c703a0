using System.Buffers;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using SealService.Merkle;

namespace SealService.Benchmarks;

/// <summary>
/// Documents of 1 KiB, sixteen side by side, where they lie in the segments that the transport has them in, with their messages' headers between: some lie
/// across two segments. They are more than the first-level cache holds, and less than the second. Per document.
/// </summary>
public class SegmentedDocumentBenchmarks
{
    private const int Documents = 256;
    private const int DocumentBytes = 1024;
    private const int HeaderBytes = 15;

    private readonly Sha256Group _group = new();
    private readonly MerkleHash[] _digests = new MerkleHash[Sha256Group.MessagesMax];
    private ReadOnlySequence<byte>[] _documents = [];

    [Params(4096, 16384, Documents * (HeaderBytes + DocumentBytes))]
    public int SegmentBytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        const int documentsBytes = Documents * (HeaderBytes + DocumentBytes);
        var first = new Segment(null, SegmentBytes);
        var last = first;
        while (last.RunningIndex + SegmentBytes < documentsBytes)
        {
            last = new Segment(last, SegmentBytes);
        }

        var all = new ReadOnlySequence<byte>(first, 0, last, SegmentBytes);
        _documents = [.. Enumerable.Range(0, Documents).Select(i => all.Slice((i * (HeaderBytes + DocumentBytes)) + HeaderBytes, DocumentBytes))];
    }

    [GlobalCleanup]
    public void Cleanup() => _group.Dispose();

    [Benchmark(OperationsPerInvoke = Documents)]
    public void Group()
    {
        foreach (ref readonly var document in _documents.AsSpan())
        {
            _group.Add(document);
            if (_group.Count == Sha256Group.MessagesMax)
            {
                _group.Finish(_digests);
            }
        }
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(Segment? previous, int bytes)
        {
            Memory = MemoryMarshal.CreateFromPinnedArray(GC.AllocateArray<byte>(bytes, pinned: true), 0, bytes);
            if (previous is not null)
            {
                previous.Next = this;
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
            }
        }
    }
}
