namespace SealService.EndToEndTests.Harness;

/// <summary>One running server for a class of tests, with limits that are low enough to be met.</summary>
public sealed class LimitedServer : IAsyncLifetime
{
    public const int DocumentBytesMax = 100_000;
    public const int MessageBytesMax = 64 * 1024;
    public const int OpenDocumentsMax = 3;
    public const int FindPageSizeMax = 5;

    private readonly SoftHsm _hsm = new();

    public RealServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _hsm.InitializeAsync();
        Server = new RealServer(_hsm, settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Seal__Limits__DocumentBytesMax"] = $"{DocumentBytesMax}",
            ["Seal__Limits__MessageBytesMax"] = $"{MessageBytesMax}",
            ["Seal__Limits__OpenDocumentsPerStreamMax"] = $"{OpenDocumentsMax}",
            ["Seal__Limits__FindPageSizeMax"] = $"{FindPageSizeMax}",
            ["Seal__Limits__LookupsPerStreamMax"] = "2",
            ["Seal__Limits__DigestsPerMessageMax"] = "500",
            ["Seal__Limits__EntriesMessageBytes"] = "1024",
            ["Seal__Limits__ReadIdleTimeout"] = "00:00:03",
            ["Seal__Ledgers__0__BatchEntriesMax"] = "64",
            ["Seal__Ledgers__1__Name"] = "second",
            ["Seal__Ledgers__1__Origin"] = "seal.test/second",
            ["Seal__Ledgers__1__KeyLabel"] = "seal-ledger-p256",
            ["Seal__Ledgers__1__Folder"] = Directory.CreateTempSubdirectory("seal-second-").FullName,
        });
        await Server.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _hsm.DisposeAsync();
    }
}
