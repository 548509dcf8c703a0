using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Grpc.Net.Client;
using Grpc.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace SealService.Tests.Grpc;

/// <summary>A gRPC server on a real socket of the loopback interface, and channels to it.</summary>
internal sealed class GrpcTestHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly GrpcServer _server;

    private GrpcTestHost(WebApplication app, GrpcServer server, RecordingLogger log)
    {
        _app = app;
        _server = server;
        Log = log;
        Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Channel = CreateChannel();
    }

    public string Address { get; }

    public GrpcChannel Channel { get; }

    /// <summary>What the server logged.</summary>
    public RecordingLogger Log { get; }

    public static async Task<GrpcTestHost> StartAsync(
        Action<GrpcServerBuilder> configure,
        TimeProvider? time = null,
        HttpProtocols protocols = HttpProtocols.Http2,
        GrpcTransportLimits? limits = null,
        X509Certificate2? certificate = null)
    {
        var log = new RecordingLogger();
        var builder = new GrpcServerBuilder();
        configure(builder);
        var server = builder.Build(new LoggerFactory([log]), time);
        var web = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        web.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().UseGrpcTransport(limits ?? new GrpcTransportLimits()).ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = protocols;
                if (certificate is not null)
                {
                    listen.UseHttps(certificate);
                }
            });
        });
        web.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        var app = web.Build();
        app.Run(server.HandleAsync);
        await app.StartAsync();
        return new GrpcTestHost(app, server, log);
    }

    public GrpcChannel CreateChannel(GrpcChannelOptions? options = null) => GrpcChannel.ForAddress(Address, options ?? new GrpcChannelOptions());

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.DisposeAsync();
        _server.Dispose();
    }
}

/// <summary>Keeps what was logged.</summary>
internal sealed class RecordingLogger : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<(EventId Id, LogLevel Level, string Text)> _entries = new();

    public IReadOnlyCollection<(EventId Id, LogLevel Level, string Text)> Entries => _entries;

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _entries.Enqueue((eventId, logLevel, formatter(state, exception)));

    public void Dispose()
    {
    }
}
