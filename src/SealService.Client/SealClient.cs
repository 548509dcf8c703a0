using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using SealService.Client.Bulk;
using SealService.Merkle;
using Wire = Seal.V1;

namespace SealService.Client;

/// <summary>
/// A client of one ledger of a SealService server: seals documents, reads the ledger, and checks every answer before it
/// returns it. Safe for concurrent use.
/// </summary>
public sealed class SealClient : IAsyncDisposable
{
    private readonly SealClientOptions _options;
    private readonly GrpcChannel _channel;
    private readonly Wire.Sealing.SealingClient _sealing;
    private readonly Wire.Keys.KeysClient _keys;
    private readonly Health.HealthClient _health;
    private readonly AnswerVerifier _verifier;

    /// <summary>Makes a client; it connects with the first call.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public SealClient(SealClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _channel = ChannelFactory.Create(options);
        var invoker = _channel.CreateCallInvoker();
        _sealing = new Wire.Sealing.SealingClient(invoker);
        _keys = new Wire.Keys.KeysClient(invoker);
        _health = new Health.HealthClient(invoker);
        _verifier = new AnswerVerifier(options.TrustedKeys);
        Ledger = new LedgerReader(new Wire.Ledger.LedgerClient(invoker), options, _verifier);
    }

    /// <summary>The server's address.</summary>
    public Uri Address => _options.Address;

    /// <summary>Reads the ledger.</summary>
    public LedgerReader Ledger { get; }

    /// <summary>
    /// Seals one document of any size. While the server is unavailable it is sent again under the same idempotency key, as
    /// in a bulk run of one.
    /// </summary>
    /// <exception cref="RpcException">The server was not there for too long.</exception>
    /// <exception cref="InvalidAnswerException">The answer does not prove what it says.</exception>
    public async Task<SealResult> SealAsync(DocumentToSeal document, BulkSealOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(document);
        await foreach (var result in SealAllAsync(Only(document), options, cancellationToken))
        {
            return result;
        }

        throw new InvalidOperationException("A run of one document ended without its result.");

        static async IAsyncEnumerable<DocumentToSeal> Only(DocumentToSeal document)
        {
            await Task.CompletedTask;
            yield return document;
        }
    }

    /// <summary>Seals a file.</summary>
    /// <inheritdoc cref="SealAsync"/>
    public Task<SealResult> SealFileAsync(string path, CancellationToken cancellationToken = default) =>
        SealAsync(DocumentToSeal.FromFile(path), cancellationToken: cancellationToken);

    /// <summary>
    /// Seals many documents, over as many streams as there are connections. Results come in any order, one for each
    /// document. When a stream breaks (a server's restart, say), what it left unanswered is sent again over a new one under the same
    /// idempotency keys. A caller that takes no results stops the run, and nothing piles up.
    /// </summary>
    /// <exception cref="RpcException">The server refused the streams, or was not there for too long.</exception>
    /// <exception cref="InvalidAnswerException">An answer does not prove what it says.</exception>
    public IAsyncEnumerable<SealResult> SealAllAsync(
        IAsyncEnumerable<DocumentToSeal> documents, BulkSealOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        options ??= new BulkSealOptions();
        options.Validate();
        return new BulkSealer(_sealing, _options, _verifier, options).SealAllAsync(documents, cancellationToken);
    }

    /// <summary>Gets an entry's receipt, against the newest signed head, and checks it.</summary>
    public async Task<Receipt> GetReceiptAsync(EntryLookup lookup, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(lookup);
        var response = await _sealing.GetReceiptAsync(lookup.ToReceiptRequest(_options.Ledger), _options.Unary(cancellationToken));
        return _verifier.Accept(response.Receipt, lookup);
    }

    /// <summary>The keys that the server names for the ledger, or for all when the options name none.</summary>
    public async Task<IReadOnlyList<LedgerKey>> ListKeysAsync(CancellationToken cancellationToken = default)
    {
        var response = await _keys.ListKeysAsync(new Wire.ListKeysRequest { Ledger = _options.Ledger }, _options.Unary(cancellationToken));
        return [.. response.Keys.Select(Read)];

        static LedgerKey Read(Wire.Key key) => VerifierKey.TryParse(key.Vkey, out var verifierKey, out var error)
            ? new LedgerKey(key.Ledger, key.Origin, key.Status == Wire.KeyStatus.Active, verifierKey)
            : throw new InvalidAnswerException($"a key of '{key.Ledger}' can't be read: {error}");
    }

    /// <summary>Asks whether the server takes calls.</summary>
    public async Task<ServerHealth> CheckHealthAsync(CancellationToken cancellationToken = default)
    {
        var response = await _health.CheckAsync(new HealthCheckRequest(), _options.Unary(cancellationToken));
        return response.Status switch
        {
            HealthCheckResponse.Types.ServingStatus.Serving => ServerHealth.Serving,
            HealthCheckResponse.Types.ServingStatus.NotServing => ServerHealth.NotServing,
            _ => ServerHealth.Unknown,
        };
    }

    /// <summary>Ends the connections.</summary>
    public async ValueTask DisposeAsync() => await _channel.ShutdownAsync();
}
