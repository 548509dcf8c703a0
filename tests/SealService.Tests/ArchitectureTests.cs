using System.Xml.Linq;
using Xunit;

namespace SealService.Tests;

/// <summary>The arrows between the projects point one way (docs/architecture.md).</summary>
public sealed class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["SealService"] = ["SealService.Grpc", "SealService.Ledger", "SealService.Pkcs11"],
        ["SealService.Cli"] = ["SealService.Client"],
        ["SealService.Client"] = ["SealService.Grpc", "SealService.Merkle"],
        ["SealService.Grpc"] = [],
        ["SealService.Ledger"] = ["SealService.Merkle"],
        ["SealService.Merkle"] = [],
        ["SealService.Pkcs11"] = [],
    };

    [Fact]
    public void ProjectReferences_AreTheAllowedArrows()
    {
        var found = Directory.EnumerateFiles(Path.Combine(FindRoot(), "src"), "*.csproj", SearchOption.AllDirectories).ToDictionary(
            p => Path.GetFileNameWithoutExtension(p)!,
            p => XDocument.Load(p).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!)).Order(StringComparer.Ordinal).ToArray(),
            StringComparer.Ordinal);
        Assert.Equal(Allowed.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(found, project => Assert.Equal(Allowed[project.Key], project.Value));
    }

    [Fact]
    public void Sources_AreOfReadableSize()
    {
        // Over 400 lines a file needs an explanation; nobody needs 600.
        var tooLong = Directory.EnumerateFiles(Path.Combine(FindRoot(), "src"), "*.cs", SearchOption.AllDirectories)
            .Select(f => (File: Path.GetFileName(f), Lines: File.ReadLines(f).Count())).Where(f => f.Lines > 400);
        Assert.Empty(tooLong);
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "SealService.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("SealService.sln was not found above the test assembly.");
    }
}
