using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>README's examples in other languages, as they stand in docs/examples, and foreign tools against the real server.</summary>
public sealed class ForeignClientTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private static readonly string[] Documents = [.. Directory.EnumerateFiles(Repository.PathOf("samples"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    [Fact]
    public async Task Grpcio_SealsAndChecks()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        var stubs = Directory.CreateTempSubdirectory("seal-stubs-").FullName;
        var plugin = (await Repository.RunAsync("sh", ["-c", "command -v grpc_python_plugin"])).Output.Trim();
        var protos = Directory.EnumerateFiles(Repository.PathOf("proto", "seal", "v1"), "*.proto");
        var generated = await Repository.RunAsync(
            "protoc", ["-I", Repository.PathOf("proto"), $"--python_out={stubs}", $"--grpc_python_out={stubs}", $"--plugin=protoc-gen-grpc_python={plugin}", .. protos]);
        Assert.True(generated.ExitCode == 0, generated.All);
        var result = await Repository.RunAsync(
            "/usr/bin/python3", [Repository.PathOf("docs", "examples", "python", "seal_documents.py"), server.GrpcAddress, .. Documents],
            new Dictionary<string, string>(StringComparer.Ordinal) { ["PYTHONPATH"] = stubs, ["PYTHONDONTWRITEBYTECODE"] = "1" });
        Assert.True(result.ExitCode == 0, result.All);
        Assert.Equal(Documents.Length, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Directory.Delete(stubs, recursive: true);
    }

    [Fact]
    public async Task GrpcJs_SealsAndChecks()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        var key = (await ServerKeys.CreateVerifierAsync(server)).Key.ToString();
        var folder = Repository.PathOf("docs", "examples", "node");
        var installed = await Repository.RunAsync("npm", ["ci", "--silent", "--no-audit", "--no-fund"], folder: folder);
        Assert.True(installed.ExitCode == 0, installed.All);
        var result = await Repository.RunAsync("node", [Path.Combine(folder, "seal-documents.js"), server.GrpcAddress, key, .. Documents]);
        Assert.True(result.ExitCode == 0, result.All);
        Assert.Equal(Documents.Length, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    /// <summary>What a tool learns by reflection, v1 and v1alpha, is what protoc makes of proto/; and health says SERVING, by Check and Watch.</summary>
    [Fact]
    public async Task Grpcio_LearnsTheContractByReflection()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        var result = await Repository.RunAsync(
            "/usr/bin/python3", [Repository.PathOf("tests", "interop", "grpc-python", "reflection_client.py"), server.GrpcAddress, "seal.v1"],
            new Dictionary<string, string>(StringComparer.Ordinal) { ["PYTHONDONTWRITEBYTECODE"] = "1" });
        Assert.True(result.ExitCode == 0, result.All);
        Assert.Equal(3, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }
}
