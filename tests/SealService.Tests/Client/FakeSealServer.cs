using System.Net;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using SealService.Client;
using SealService.Merkle;
using Wire = Seal.V1;

namespace SealService.Tests.Client;

/// <summary>A server on a real socket of the loopback interface, with a <see cref="FakeLedger"/> behind it.</summary>
internal sealed class FakeSealServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly GrpcServer _server;

    private FakeSealServer(WebApplication app, GrpcServer server, FakeLedger ledger, FakeSealing sealing)
    {
        _app = app;
        _server = server;
        Ledger = ledger;
        Sealing = sealing;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
    }

    public Uri Address { get; }

    public FakeLedger Ledger { get; }

    public FakeSealing Sealing { get; }

    /// <param name="ledger">The ledger of a server before this one, to be its restart; null for a new one.</param>
    /// <param name="port">The port of that server; 0 for any.</param>
    public static async Task<FakeSealServer> StartAsync(FakeLedger? ledger = null, int port = 0)
    {
        ledger ??= new FakeLedger();
        var sealing = new FakeSealing(ledger);
        var server = new GrpcServerBuilder()
            .AddService(Wire.Sealing.BindService(sealing))
            .AddService(Wire.Ledger.BindService(new FakeLedgerService(ledger)))
            .AddService(Wire.Keys.BindService(new FakeKeys(ledger)))
            .AddService(Health.BindService(new FakeHealth()))
            .Build();
        var web = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        web.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, l => l.Protocols = HttpProtocols.Http2));
        web.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        var app = web.Build();
        app.Run(server.HandleAsync);
        await app.StartAsync();
        return new FakeSealServer(app, server, ledger, sealing);
    }

    /// <summary>A client that trusts the ledger's key.</summary>
    public SealClient CreateClient(int connections = 1, params VerifierKey[] keys) =>
        new(new SealClientOptions { Address = Address, Connections = connections, TrustedKeys = keys.Length > 0 ? keys : [Ledger.Key] });

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _server.Dispose();
    }

    private sealed class FakeHealth : Health.HealthBase
    {
        public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
            Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
    }

    private sealed class FakeKeys(FakeLedger ledger) : Wire.Keys.KeysBase
    {
        public override Task<Wire.ListKeysResponse> ListKeys(Wire.ListKeysRequest request, ServerCallContext context) => Task.FromResult(
            new Wire.ListKeysResponse
            {
                Keys =
                {
                    new Wire.Key { Ledger = "main", Origin = ledger.Origin, Status = Wire.KeyStatus.Active, Vkey = ledger.Key.ToString() },
                },
            });
    }

    private sealed class FakeLedgerService(FakeLedger ledger) : Wire.Ledger.LedgerBase
    {
        public override Task<Wire.GetCheckpointResponse> GetCheckpoint(Wire.GetCheckpointRequest request, ServerCallContext context) =>
            Task.FromResult(new Wire.GetCheckpointResponse
            {
                Checkpoint = new Wire.Checkpoint { Origin = ledger.Origin, Note = ByteString.CopyFrom(ledger.GetCheckpoint()) },
            });

        public override Task<Wire.GetInclusionProofResponse> GetInclusionProof(Wire.GetInclusionProofRequest request, ServerCallContext context)
        {
            var response = new Wire.GetInclusionProofResponse
            {
                Index = request.Index,
                TreeSize = request.TreeSize,
                LeafHash = ByteString.CopyFrom(TreeHasher.HashLeaf(ledger[request.Index]).AsSpan()),
                RootHash = ByteString.CopyFrom(ledger.GetRoot(request.TreeSize).AsSpan()),
            };
            response.Hashes.AddRange(ledger.GetInclusionProof(request.Index, request.TreeSize));
            return Task.FromResult(response);
        }

        public override Task<Wire.GetConsistencyProofResponse> GetConsistencyProof(Wire.GetConsistencyProofRequest request, ServerCallContext context)
        {
            var response = new Wire.GetConsistencyProofResponse
            {
                FirstSize = request.FirstSize,
                SecondSize = request.SecondSize,
                FirstRootHash = ByteString.CopyFrom(ledger.GetRoot(request.FirstSize).AsSpan()),
                SecondRootHash = ByteString.CopyFrom(ledger.GetRoot(request.SecondSize).AsSpan()),
            };
            response.Hashes.AddRange(ledger.GetConsistencyProof(request.FirstSize, request.SecondSize));
            return Task.FromResult(response);
        }

        public override async Task GetEntries(
            Wire.GetEntriesRequest request, IServerStreamWriter<Wire.GetEntriesResponse> responseStream, ServerCallContext context)
        {
            var end = request.Count == 0 ? ledger.TreeSize : Math.Min(ledger.TreeSize, request.FirstIndex + request.Count);
            for (var index = request.FirstIndex; index < end; index++)
            {
                await responseStream.WriteAsync(new Wire.GetEntriesResponse { FirstIndex = index, Entries = { ByteString.CopyFrom(ledger[index]) } });
            }
        }

        public override Task<Wire.FindEntriesResponse> FindEntries(Wire.FindEntriesRequest request, ServerCallContext context)
        {
            // One entry a page, so that paging is used.
            var from = request.PageToken.Length == 0 ? ledger.TreeSize - 1 : long.Parse(request.PageToken, System.Globalization.CultureInfo.InvariantCulture);
            var response = new Wire.FindEntriesResponse();
            for (var index = from; index >= 0; index--)
            {
                if (EntryDetails.TryRead(ledger[index], out var entry, out _) && entry.DocumentId == request.DocumentId)
                {
                    response.Entries.Add(new Wire.FoundEntry { Index = index, Entry = ByteString.CopyFrom(ledger[index]) });
                    response.NextPageToken = index == 0 ? "" : $"{index - 1}";
                    break;
                }
            }

            return Task.FromResult(response);
        }
    }
}
