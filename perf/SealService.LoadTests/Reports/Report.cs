using System.Text.Json;
using SealService.LoadTests.Running;

namespace SealService.LoadTests.Reports;

/// <summary>One run of the suite: where, how, and what came of it. Its JSON is what all other forms are made from.</summary>
internal sealed record Report
{
    /// <summary>The file in a run's folder that <c>compare</c> and <c>publish</c> read.</summary>
    public const string FileName = "results.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public required DateTimeOffset StartedAt { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>The command line and what else decides the numbers.</summary>
    public required IReadOnlyDictionary<string, string> Configuration { get; init; }

    public required IReadOnlyList<ScenarioResult> Results { get; init; }

    /// <summary>Reads a report from its file, or from the folder that it is in.</summary>
    /// <exception cref="IOException">There is no such file.</exception>
    /// <exception cref="JsonException">It is not a report.</exception>
    public static async Task<Report> LoadAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(Directory.Exists(path) ? Path.Combine(path, FileName) : path);
        try
        {
            return await JsonSerializer.DeserializeAsync<Report>(file, Json, cancellationToken) ?? throw new JsonException("it is empty");
        }
        catch (JsonException e)
        {
            throw new JsonException($"'{path}' is not a {FileName}: {e.Message}", e);
        }
    }

    /// <summary>Writes every form of the report into a folder.</summary>
    public async Task SaveAsync(string folder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        await using (var file = File.Create(Path.Combine(folder, FileName)))
        {
            await JsonSerializer.SerializeAsync(file, this, Json, cancellationToken);
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "metrics.csv"), CsvText.Metrics(this), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "samples.csv"), CsvText.Samples(this), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "report.html"), HtmlReport.Format(this), cancellationToken);
        foreach (var result in Results)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, result.Name + ".hgrm"), HistogramText.Format(result.Latencies), cancellationToken);
        }
    }
}
