using Microsoft.Extensions.Logging.Abstractions;
using SealService.Configuration;
using SealService.Ledger;
using SealService.Ledger.Storage;
using SealService.Merkle;
using SealService.Pkcs11;

namespace SealService.Hosting;

/// <summary>What the services stand on: the token and the ledgers, opened in order and closed in the opposite one.</summary>
internal sealed class SealBackend : IAsyncDisposable
{
    // One compact answer of so many entries is under 1 MiB, which every gRPC client takes.
    private const int SegmentEntriesMax = 16 * 1024;

    private readonly Token _token;
    private readonly List<HostedLedger> _ledgers;
    private int _disposed; // interlocked

    private SealBackend(Token token, List<HostedLedger> ledgers)
    {
        _token = token;
        _ledgers = ledgers;
        Ledgers = new LedgerDirectory(ledgers);
        Faulted = Task.WhenAny(ledgers.Select(l => l.Ledger.Faulted)).Unwrap();
    }

    public LedgerDirectory Ledgers { get; }

    /// <summary>Completes when a ledger's state is unknown, so that the process must end.</summary>
    public Task<Exception> Faulted { get; }

    /// <summary>Whether that is so; <see cref="Faulted"/> is a moment behind it.</summary>
    public bool IsFaulted => _ledgers.Exists(l => l.Ledger.Faulted.IsCompleted);

    /// <exception cref="HsmException">Module, token, PIN or key can't be used; the message says which.</exception>
    /// <exception cref="LedgerException">A ledger can't be opened; the message names the folder or the file.</exception>
    public static async Task<SealBackend> OpenAsync(SealOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var token = await OpenTokenAsync(options, time, loggers, cancellationToken);
        var ledgers = new List<HostedLedger>();
        try
        {
            foreach (var ledger in options.Ledgers)
            {
                ledgers.Add(await OpenLedgerAsync(ledger, options.Limits, options.Hsm, token, time, loggers, cancellationToken));
            }

            return new SealBackend(token, ledgers);
        }
        catch
        {
            await CloseAsync(token, ledgers);
            throw;
        }
    }

    /// <summary>Reads every record of every ledger and checks it against the signed heads; a line for each ledger.</summary>
    /// <exception cref="LedgerException">A record is damaged or missing, or the ledger is in use; the message names the place.</exception>
    public static async Task VerifyLedgersAsync(SealOptions options, TextWriter output)
    {
        var loggers = NullLoggerFactory.Instance;
        await using var token = await OpenTokenAsync(options, TimeProvider.System, loggers, CancellationToken.None);
        foreach (var ledger in options.Ledgers)
        {
            var key = await token.GetSigningKeyAsync(ledger.KeyLabel, CancellationToken.None);
            await using var storage = FasterLogStorage.Open(ledger.Folder, new FasterLogStorageOptions(), loggers);
            var head = await SealLedger.VerifyRecordsAsync(
                new LedgerOptions { Folder = ledger.Folder, Origin = ledger.Origin }, storage, VerifierKeyOf(ledger, key), progress: null, CancellationToken.None);
            await output.WriteLineAsync($"Ledger {ledger.Name}: all records of {head.TreeSize} entries are whole, root hash {head.RootHash}.");
        }
    }

    private static Task<Token> OpenTokenAsync(SealOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        Token.OpenAsync(
            new TokenOptions
            {
                ModulePath = options.Hsm.Module,
                TokenLabel = options.Hsm.TokenLabel.Length > 0 ? options.Hsm.TokenLabel : null,
                TokenSerial = options.Hsm.TokenSerial.Length > 0 ? options.Hsm.TokenSerial : null,
                PinFile = options.Hsm.PinFile,
                Sessions = options.Hsm.SessionsMax,
                QueuedRequests = options.Hsm.QueueLengthMax,
                SignTimeout = options.Hsm.SignTimeout,
                ReinitializeInterval = options.Hsm.ReinitializeInterval,
                RequireHardwareOrigin = options.Hsm.RequireHardwareOrigin,
                Ed25519Verifier = static (key, message, signature) => VerifierKey.CreateEd25519("token", key).Verify(message, signature),
            },
            time,
            loggers,
            cancellationToken);

    private static VerifierKey VerifierKeyOf(LedgerEntryOptions options, SigningKey key) => key.Algorithm == KeyAlgorithm.Ed25519
        ? VerifierKey.CreateEd25519(options.Origin, key.PublicKey.Span)
        : VerifierKey.CreateEcdsaP256(options.Origin, key.SubjectPublicKeyInfo.Span);

    /// <summary>Seals what was accepted and closes everything; may be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await CloseAsync(_token, _ledgers);
        }
    }

    private static async Task<HostedLedger> OpenLedgerAsync(
        LedgerEntryOptions options, LimitOptions limits, HsmOptions hsm, Token token, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var key = await token.GetSigningKeyAsync(options.KeyLabel, cancellationToken);
        var verifierKey = VerifierKeyOf(options, key);
        var ledger = await SealLedger.OpenAsync(
            new LedgerOptions
            {
                Folder = options.Folder,
                Origin = options.Origin,
                EntriesPerBatchMax = options.BatchEntriesMax,
                BatchBytesMax = options.BatchBytesMax,
                BatchInterval = options.BatchInterval,
                LongBatchInterval = options.LongBatchInterval,
                SigningTimeout = hsm.SignTimeout,
                AppendTimeout = options.CommitTimeout,
                EntriesPerSegmentMax = Math.Min(options.BatchEntriesMax, SegmentEntriesMax),
                UnreadSegmentsPerWriterMax = options.UnreadAnswersPerStreamMax,
                EntriesPerSnapshot = options.SnapshotEntries,
                IndexKeysInMemoryMax = options.IndexKeysInMemoryMax,
                BytesAwaitingIndexMax = (long)options.IndexBacklogMibMax << 20,
                RecordCacheBytesMax = options.RecordCacheMib << 20,
                FindPageSizeMax = limits.FindPageSizeMax,
            },
            FasterLogStorage.Open(options.Folder, new FasterLogStorageOptions { FreeBytesMin = (long)options.DiskFreeMinMib << 20 }, loggers),
            verifierKey,
            key.SignAsync,
            time,
            loggers,
            cancellationToken);
        return new HostedLedger(options, ledger, key, verifierKey);
    }

    private static async Task CloseAsync(Token token, List<HostedLedger> ledgers)
    {
        foreach (var ledger in ledgers)
        {
            await ledger.Ledger.DisposeAsync();
        }

        await token.DisposeAsync();
    }
}
