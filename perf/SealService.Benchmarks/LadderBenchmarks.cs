using System.Buffers;
using BenchmarkDotNet.Attributes;
using SealService.Ledger;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Benchmarks;

/// <summary>
/// The way of a 1 KiB document, one stage more from line to line, in one process without a network: the difference of two lines is the cost of a
/// stage. Per document.
/// </summary>
public class LadderBenchmarks
{
    private const int Documents = 4096;
    private const int DocumentBytes = 1024;

    private readonly DocumentFields _fields = new();
    private readonly Sha256Group _group = new();
    private readonly Sha256Incremental _hash = new();
    private readonly MerkleHash[] _digests = new MerkleHash[Sha256Group.MessagesMax];
    private readonly (ulong Reference, long SizeBytes)[] _grouped = new (ulong, long)[Sha256Group.MessagesMax];
    private BulkCall? _call;
    private BenchmarkLedger? _inMemory;
    private BenchmarkLedger? _onDisk;

    [GlobalSetup]
    public void Setup()
    {
        _call = new BulkCall(Documents, DocumentBytes);
        _inMemory = BenchmarkLedger.OpenAsync(onDisk: false).GetAwaiter().GetResult();
        _onDisk = BenchmarkLedger.OpenAsync(onDisk: true).GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _group.Dispose();
        _hash.Dispose();
        _call?.Dispose();
        _inMemory?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _onDisk?.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>gRPC messages are cut out of the transport's buffers.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Documents)]
    public Task Frames() => _call!.RunAsync(static (in ReadOnlySequence<byte> _) => { });

    /// <summary>And parsed, where they lie.</summary>
    [Benchmark(OperationsPerInvoke = Documents)]
    public Task Parsed() => _call!.RunAsync((in ReadOnlySequence<byte> bytes) => Parse(bytes, out _));

    /// <summary>And hashed one after another, where they lie.</summary>
    [Benchmark(OperationsPerInvoke = Documents)]
    public Task HashedOneByOne() => _call!.RunAsync((in ReadOnlySequence<byte> bytes) =>
    {
        Parse(bytes, out var message);
        _hash.Append(message.Content);
        _hash.Finish();
    });

    /// <summary>Or hashed sixteen side by side, where they lie: what the service does.</summary>
    [Benchmark(OperationsPerInvoke = Documents)]
    public Task Hashed() => _call!.RunAsync((in ReadOnlySequence<byte> bytes) => TryHash(bytes));

    /// <summary>And entered, proved, signed in software and verified, with records in memory.</summary>
    [Benchmark(OperationsPerInvoke = Documents)]
    public Task Sealed() => SealAsync(_inMemory!);

    /// <summary>And made durable by FasterLog.</summary>
    [Benchmark(OperationsPerInvoke = Documents)]
    public Task SealedDurably() => SealAsync(_onDisk!);

    private async Task SealAsync(BenchmarkLedger ledger)
    {
        using var writer = ledger.Ledger.CreateWriter();
        var reading = CountSealedAsync(writer);
        await _call!.RunAsync((in ReadOnlySequence<byte> bytes) =>
        {
            if (TryHash(bytes))
            {
                Add(writer);
            }
        });
        writer.Complete();
        if (await reading != Documents)
        {
            throw new InvalidOperationException("Not every document was sealed.");
        }
    }

    private void Parse(in ReadOnlySequence<byte> bytes, out SealDocumentsMessage message)
    {
        if (!SealDocumentsMessage.TryRead(bytes, out message))
        {
            throw new InvalidOperationException("A message is malformed.");
        }

        _fields.Reset();
        if (!_fields.TryRead(message.Header, out _))
        {
            throw new InvalidOperationException("A header is malformed.");
        }
    }

    // True when the group was full and is hashed.
    private bool TryHash(in ReadOnlySequence<byte> bytes)
    {
        Parse(bytes, out var message);
        _grouped[_group.Count] = (message.Reference, message.Content.Length);
        _group.Add(message.Content);
        if (_group.Count < Sha256Group.MessagesMax)
        {
            return false;
        }

        _group.Finish(_digests);
        return true;
    }

    // One visit for the whole group, unless the batch is full.
    private void Add(LedgerWriter writer)
    {
        for (var added = 0; added < _grouped.Length;)
        {
            if (writer.TryEnter())
            {
                while (added < _grouped.Length && TryAdd(writer, added))
                {
                    added++;
                }

                writer.Leave();
            }

            if (added < _grouped.Length)
            {
                // The benchmark's documents fit into the segments that may be unread, so this is rare.
                writer.WaitToEnterAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
            }
        }
    }

    private bool TryAdd(LedgerWriter writer, int position)
    {
        var (reference, sizeBytes) = _grouped[position];
        return writer.TryAdd(reference, new DocumentSeal { Kind = EntryKind.Document, Digest = _digests[position].AsSpan(), SizeBytes = sizeBytes });
    }

    private static async Task<int> CountSealedAsync(LedgerWriter writer)
    {
        var count = 0;
        while (await writer.ReadSealedAsync(CancellationToken.None) is { } segment)
        {
            using (segment)
            {
                count += segment.Failure is null ? segment.Count : throw new InvalidOperationException(segment.Failure.Message);
            }
        }

        return count;
    }
}
