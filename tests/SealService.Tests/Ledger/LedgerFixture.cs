using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Ledger;

/// <summary>A ledger under test: its folder, its key, its storage, and what it has acknowledged.</summary>
internal sealed class LedgerFixture : IAsyncDisposable
{
    public const string Origin = "seal.example/test";

    /// <summary>The size that each document says it has.</summary>
    public const int DocumentBytes = 8;

    private SealLedger? _ledger;
    private int _documents;
    private bool _signerIsBorrowed;

    public LedgerFixture()
    {
        Options = new LedgerOptions { Folder = Folder.Path, Origin = Origin };
    }

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public TemporaryFolder Folder { get; } = new();

    public TestSigner Signer { get; set; } = new(Origin);

    public LedgerOptions Options { get; set; }

    public TimeProvider Time { get; set; } = TimeProvider.System;

    public MemoryLedgerStorage Memory { get; private set; } = new();

    /// <summary>Every receipt that was given out.</summary>
    public List<Receipt> Acknowledged { get; } = [];

    /// <summary>How many they are, while more are given out.</summary>
    public int AcknowledgedCount
    {
        get
        {
            lock (Acknowledged)
            {
                return Acknowledged.Count;
            }
        }
    }

    public SealLedger Ledger => _ledger ?? throw new InvalidOperationException("The ledger is not open.");

    public static byte[] Digest(long number)
    {
        byte[] document = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(document, number);
        return SHA256.HashData(document);
    }

    public static MerkleHash Key(string idempotencyKey) => Sha256.HashData(Encoding.UTF8.GetBytes(idempotencyKey));

    public void UseSignerOf(LedgerFixture other)
    {
        Signer.Dispose();
        Signer = other.Signer;
        _signerIsBorrowed = true;
    }

    /// <summary>Opens, or closes and opens again as after a restart, on records in memory.</summary>
    public async Task<SealLedger> OpenAsync()
    {
        await CloseAsync();
        Memory = Memory.Reopen();
        return await OpenAsync(Memory);
    }

    public async Task<SealLedger> OpenAsync(ILedgerStorage storage) =>
        _ledger = await SealLedger.OpenAsync(Options, storage, Signer.Key, Signer.SignAsync, Time, NullLoggerFactory.Instance, Token);

    public async Task CloseAsync()
    {
        if (_ledger is not null)
        {
            await _ledger.DisposeAsync();
            _ledger = null;
        }
    }

    /// <summary>Seals documents through one writer and returns its segments' failures; acknowledged entries are remembered.</summary>
    public async Task<LedgerFailure?> SealAsync(int count)
    {
        using LedgerWriter writer = Ledger.CreateWriter();
        LedgerFailure? failure = null;
        int left = count;
        Task reading = ReadAsync();
        while (left > 0 && await writer.WaitToEnterAsync(Token))
        {
            if (!writer.TryEnter())
            {
                continue;
            }

            try
            {
                while (left > 0 && writer.TryAdd((ulong)left, Document(Digest(_documents))))
                {
                    left--;
                    _documents++;
                }
            }
            finally
            {
                writer.Leave();
            }
        }

        writer.Complete();
        await reading;
        return failure;

        async Task ReadAsync()
        {
            while (await writer.ReadSealedAsync(Token) is { } segment)
            {
                using (segment)
                {
                    failure ??= segment.Failure;
                    for (int i = 0; segment.Failure is null && i < segment.Count; i++)
                    {
                        lock (Acknowledged)
                        {
                            Acknowledged.Add(segment.GetReceipt(i));
                        }
                    }
                }
            }
        }
    }

    /// <summary>
    /// The deep check: indexes dense, every acknowledged entry there and proven by its receipt and by a new one, every entry
    /// hashed into the signed root, found by its digest, and every acknowledged head a prefix of the newest.
    /// </summary>
    public async Task CheckAsync()
    {
        SignedHead head = Ledger.Head;
        ReceiptVerifier verifier = new([Signer.Key]);
        Assert.True(verifier.TryVerify(head.Note, out Checkpoint? checkpoint, out string? error), error);
        Assert.Equal((head.TreeSize, head.RootHash), (checkpoint.TreeSize, checkpoint.RootHash));

        List<byte[]> entries = [];
        CompactRange tree = new();
        await foreach (EntryBundle bundle in Ledger.ReadEntriesAsync(0, long.MaxValue, Token))
        {
            Assert.Equal(entries.Count, bundle.FirstIndex);
            for (int i = 0; i < bundle.Count; i++)
            {
                entries.Add(bundle[i].ToArray());
                tree.Append(TreeHasher.HashLeaf(bundle[i].Span));
            }
        }

        Assert.Equal(head.TreeSize, entries.Count);
        Assert.Equal(head.RootHash, tree.GetRootHash());

        HashSet<long> indexes = [];
        HashSet<long> consistent = [];
        foreach (Receipt receipt in Acknowledged)
        {
            Assert.True(indexes.Add(receipt.Index), $"Index {receipt.Index} was given out twice.");
            Assert.True(receipt.Entry.Span.SequenceEqual(entries[(int)receipt.Index]));
            Assert.True(verifier.Verify(receipt).IsValid);
            Assert.True(verifier.TryVerify(receipt.Checkpoint, out Checkpoint? old, out error), error);
            if (consistent.Add(old.TreeSize))
            {
                ProvenConsistency consistency = await Ledger.GetConsistencyProofAsync(old.TreeSize, head.TreeSize, Token);
                Assert.True(ConsistencyProof.Verify(old.TreeSize, head.TreeSize, old.RootHash, head.RootHash, [.. consistency.Hashes]));
            }
        }

        for (int i = 0; i < entries.Count; i += Math.Max(1, entries.Count / 50))
        {
            await CheckEntryAsync(i, entries[i], verifier);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        if (!_signerIsBorrowed)
        {
            Signer.Dispose();
        }

        Folder.Dispose();
    }

    public static DocumentSeal Document(ReadOnlySpan<byte> digest, Claim? claim = null, string documentId = "") => new()
    {
        Kind = EntryKind.Document,
        Digest = digest,
        SizeBytes = DocumentBytes,
        DocumentId = Encoding.UTF8.GetBytes(documentId),
        Claim = claim,
    };

    private async Task CheckEntryAsync(long index, byte[] entry, ReceiptVerifier verifier)
    {
        Receipt? receipt = await Ledger.GetReceiptAsync(index, Token);
        Assert.NotNull(receipt);
        Assert.True(receipt.Entry.Span.SequenceEqual(entry));
        Assert.True(verifier.Verify(receipt).IsValid);
        FoundEntries found = await Ledger.FindAsync(LookupKind.Digest, DigestOf(entry), 10, long.MaxValue, Token);
        Assert.Contains(found.Entries, candidate => candidate.Index == index);
    }

    private static byte[] DigestOf(byte[] entry)
    {
        Assert.True(LogEntryCodec.TryRead(entry, out LogEntry fields, out string? error), error);
        return fields.Digest.ToArray();
    }
}
