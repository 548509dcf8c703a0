using System.Net.Sockets;
using SealService.Configuration;
using SealService.Ledger;
using SealService.Observability;
using SealService.Pkcs11;

namespace SealService.Hosting;

/// <summary>
/// The server's life: configuration, HSM and ledgers, listening, draining, end. Whatever keeps it from working is said in one sentence on
/// standard error, and in the exit code.
/// </summary>
public static class SealServer
{
    // The calls have ended by then (ServerDrain); what is left is closing connections.
    private static readonly TimeSpan HostStopTimeout = TimeSpan.FromSeconds(1.5);

    /// <summary>Runs the server until it is stopped.</summary>
    /// <returns>A value of <see cref="ServerExitCode"/>.</returns>
    public static async Task<int> RunAsync(string[] arguments, TextWriter output, TextWriter error)
    {
        if (CommandLine.TryParse(arguments, out var usageError) is not { } commandLine)
        {
            await error.WriteLineAsync(usageError);
            return ServerExitCode.Usage;
        }

        switch (commandLine.Verb)
        {
            case ServerVerb.Help:
                await output.WriteLineAsync(CommandLine.Help);
                return ServerExitCode.Success;
            case ServerVerb.Version:
                await output.WriteLineAsync($"SealService {typeof(SealServer).Assembly.GetName().Version?.ToString(3)}");
                return ServerExitCode.Success;
        }

        try
        {
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
            ConfigurationLoader.AddSources(builder.Configuration, commandLine);
            var options = ConfigurationLoader.Read(builder.Configuration);
            switch (commandLine.Verb)
            {
                case ServerVerb.CheckConfiguration:
                    KestrelSetup.LoadCertificate(options.Listen);
                    await output.WriteLineAsync("The configuration is valid.");
                    return ServerExitCode.Success;
                case ServerVerb.HealthCheck:
                    return await HealthCheck.AskAsync(options.Listen, error);
                case ServerVerb.VerifyLedger:
                    await SealBackend.VerifyLedgersAsync(options, output);
                    return ServerExitCode.Success;
                default:
                    return await ServeAsync(builder, options);
            }
        }
        catch (Exception e) when (Explain(e) is { } sentence)
        {
            await error.WriteLineAsync($"SealService can't start: {sentence}");
            return ServerExitCode.CannotStart;
        }
    }

    private static async Task<int> ServeAsync(WebApplicationBuilder builder, SealOptions options)
    {
        Logs.Configure(builder.Logging, options.Telemetry);
        using var metrics = new MetricsRegistry();
        using var telemetry = OtlpExport.Start(options.Telemetry);
        KestrelSetup.Configure(builder.WebHost, options);
        var health = new ServerHealth();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(health);
        builder.Services.AddSingleton<ServerDrain>();
        builder.Services.AddSingleton<IHostLifetime>(static services => services.GetRequiredService<ServerDrain>());
        builder.Services.Configure<HostOptions>(static host => host.ShutdownTimeout = HostStopTimeout);
        await using var app = builder.Build();
        var loggers = app.Services.GetRequiredService<ILoggerFactory>();
        var logger = loggers.CreateLogger("SealService");

        await using var backend = await SealBackend.OpenAsync(options, TimeProvider.System, loggers, CancellationToken.None);
        foreach (var ledger in backend.Ledgers.All)
        {
            ServerLog.LedgerOpen(logger, ledger.Name, ledger.Options.Origin, ledger.Ledger.Head.TreeSize, ledger.VerifierKey.ToString());
        }

        var drain = app.Services.GetRequiredService<ServerDrain>();
        using var grpc = GrpcServices.Build(backend.Ledgers, options.Limits, drain, health, loggers);
        HttpEndpoints.Map(app, backend.Ledgers, metrics, health, drain, grpc);

        var failure = WatchForUnknownState(backend, app.Lifetime, logger);
        await app.StartAsync();
        health.StartServing();
        var bound = BoundAddresses(app);
        ServerLog.Ready(logger, bound[0], bound.Count > 1 ? bound[1] : "-");
        await app.WaitForShutdownAsync();

        // Closing the ledgers seals what is left, so only now is it known how this ends.
        await backend.DisposeAsync();
        if (backend.IsFaulted)
        {
            await failure; // which logs it
            return ServerExitCode.StateUnknown;
        }

        ServerLog.Stopped(logger);
        return ServerExitCode.Success;
    }

    // State unknown: this process must not go on, and a clean end may hang on what failed.
    private static Task WatchForUnknownState(SealBackend backend, IHostApplicationLifetime lifetime, ILogger logger) =>
        backend.Faulted.ContinueWith(
            faulted =>
            {
                ServerLog.StateUnknown(logger, faulted.Result);
                lifetime.StopApplication();
                _ = Task.Delay(TimeSpan.FromSeconds(5)).ContinueWith(_ => Environment.Exit(ServerExitCode.StateUnknown), TaskScheduler.Default);
            },
            TaskScheduler.Default);

    private static List<string> BoundAddresses(WebApplication app) =>
        [.. app.Urls.Select(a => new Uri(a).Authority)];

    private static string? Explain(Exception exception) => exception switch
    {
        ConfigurationException or HsmException or LedgerException => exception.Message,
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => exception.Message,
        SocketException => exception.Message,
        IOException or UnauthorizedAccessException => exception.Message,
        System.Security.Cryptography.CryptographicException => exception.Message,
        PlatformNotSupportedException => exception.Message,
        _ => null,
    };
}

/// <summary>How the server's process ends.</summary>
public static class ServerExitCode
{
    /// <summary>It was stopped, and finished what it had accepted.</summary>
    public const int Success = 0;

    /// <summary>It could not start, or is not healthy; standard error says why.</summary>
    public const int CannotStart = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>A write or a verification failed, so that what is in the ledger is unknown; a restart finds out (EX_SOFTWARE of sysexits.h).</summary>
    public const int StateUnknown = 70;
}
