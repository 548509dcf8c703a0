using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using SealService.Client;
using SealService.EndToEndTests.Harness;
using SealService.Merkle;

namespace SealService.EndToEndTests;

/// <summary>What is served beside gRPC, and both behind TLS.</summary>
public sealed class HttpAndTlsTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    [Fact]
    public async Task HttpPort_ServesMetricsHealthAndCheckpoint()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        await TestDocuments.SealAsync(server, 50);
        using var http = new HttpClient { BaseAddress = new Uri("http://" + server.HttpAddress) };

        Assert.Equal("ok\n", await http.GetStringAsync(new Uri("/healthz", UriKind.Relative), TestContext.Current.CancellationToken));
        var metrics = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Matches(@"(?m)^seal_ledger_entries_total(\{[^}]*\})? 50$", metrics);
        Assert.All(
            metrics.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches(@"^(# (HELP|TYPE) seal_[a-z0-9_]+ .*|seal_[a-z0-9_]+(\{[a-z0-9_]+=""[^""]*""(,[a-z0-9_]+=""[^""]*"")*\})? (-?[0-9.E+-]+|NaN))$", line));

        var note = await http.GetByteArrayAsync(new Uri("/checkpoint", UriKind.Relative), TestContext.Current.CancellationToken);
        var verifier = new ReceiptVerifier([(await ServerKeys.CreateVerifierAsync(server)).Key]);
        Assert.True(verifier.TryVerify(note, out var head, out var error), error);
        Assert.Equal(50, head.TreeSize);

        using var missing = await http.GetAsync(new Uri("/nothing", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task Certificate_MakesBothPortsTls_AndClientsCheckIt()
    {
        var folder = Directory.CreateTempSubdirectory("seal-tls-").FullName;
        var (certificate, key) = await WriteCertificateAsync(folder);
        await using var server = new RealServer(hsm, settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Seal__Listen__CertificateFile"] = certificate,
            ["Seal__Listen__PrivateKeyFile"] = key,
        });
        await server.StartAsync();
        await using var client = new SealClient(new SealClientOptions { Address = new Uri("https://" + server.GrpcAddress), CaCertificateFile = certificate });
        var result = await client.SealAsync(DocumentToSeal.FromBytes("a", "over TLS"u8.ToArray()), cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(result.IsSealed, result.Failure?.Message);

        await using var strict = new SealClient(new SealClientOptions { Address = new Uri("https://" + server.GrpcAddress) });
        var refused = await Assert.ThrowsAnyAsync<Grpc.Core.RpcException>(() => strict.ListKeysAsync(TestContext.Current.CancellationToken));
        Assert.Contains("certificate is invalid", refused.Status.Detail, StringComparison.Ordinal);
        var told = await Repository.RunAsync(Repository.Seal, ["status", "--server", "https://" + server.GrpcAddress]);
        Assert.Equal(3, told.ExitCode);
        Assert.Contains("--ca", told.Error, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<(string Certificate, string Key)> WriteCertificateAsync(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        var paths = (Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem"));
        await File.WriteAllTextAsync(paths.Item1, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(paths.Item2, key.ExportPkcs8PrivateKeyPem());
        return paths;
    }
}
