using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using SealService.LoadTests.Running;
using SealService.LoadTests.Scenarios;
using SealService.LoadTests.Servers;

namespace SealService.LoadTests;

/// <summary>The options of <c>run</c> that change the scenarios' load.</summary>
internal sealed class LoadShapeOptions
{
    private const int CountMax = 10_000;

    // Calls that the service and the baselines allow on one connection: further ones would wait for ever.
    private const int StreamsMax = 256;
    private const double AmountMin = 0.001;
    private const double AmountMax = 1e9;

    private readonly Option<string> _folder = new("--documents")
    {
        Description = "Folder whose files are the documents of bulk-mixed.",
        HelpName = "DIR",
        DefaultValueFactory = static _ => DocumentsDefault,
        CustomParser = static result => Valid(result, Catalog.HasDocuments, $"must be a folder with files of {Catalog.DocumentBytesMin} to {Catalog.WholeDocumentBytesMax} bytes").FirstOrDefault(),
    };

    private readonly Option<int[]?> _sizes = new("--document-bytes")
    {
        Description = $"Sizes that the documents of bulk streams have in turn, where they have 1 KiB otherwise: {Catalog.DocumentBytesMin} to {Catalog.WholeDocumentBytesMax}.",
        HelpName = "N...",
        AllowMultipleArgumentsPerToken = true,
        CustomParser = static result => [.. Valid(result, static text => IsWhole(text, Catalog.DocumentBytesMin, Catalog.WholeDocumentBytesMax), $"must be from {Catalog.DocumentBytesMin} to {Catalog.WholeDocumentBytesMax}").Select(text => (int)Number(text))],
    };

    private readonly Option<int?> _connections = Count("--connections", "Connections, in place of the scenarios' own.");
    private readonly Option<int?> _streams = Count("--streams", "Streams of documents or digests to seal on each connection, in place of one.", max: StreamsMax);
    private readonly Option<double?> _rate = Amount("--rate", "Documents a second of the open-* scenarios, in place of half of the capacity.");
    private readonly Option<int?> _rounds = Count("--rounds", "Rounds, in place of the scenarios' own.");
    private readonly Option<double?> _duration = Amount("--duration", "Seconds of one run, in place of the scenarios' own.");
    private readonly Option<double?> _warmUp = Amount("--warm-up", "Seconds before a run is measured, in place of the scenarios' own.", min: 0);
    private readonly Option<double?> _soak = Amount("--soak", "Seconds of the soak scenario, in place of 30.");
    private readonly Option<Threshold[]?> _thresholds = new("--threshold")
    {
        Description = "A bound of a metric of results.json, such as 'p99_ms<=20', beside the scenarios' own or in place of the one for the same metric.",
        HelpName = "METRIC<=N",
        CustomParser = static result => [.. Valid(result, static text => Threshold.Parse(text) is { } threshold && Metrics.IsMetric(threshold.Metric), "must be a metric of results.json, <= or >=, and a number").Select(text => Threshold.Parse(text)!)],
    };

    /// <summary>Where the documents of mixed sizes lie, unless the command line says otherwise.</summary>
    public static string DocumentsDefault => Checkout.PathOf("samples");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _folder, _sizes, _connections, _streams, _rate, _rounds, _duration, _warmUp, _soak, _thresholds })
        {
            command.Add(option);
        }
    }

    /// <summary>The load that a command line asks for, which has no errors.</summary>
    public LoadShape Read(ParseResult parse)
    {
        var shape = new LoadShape
        {
            Folder = parse.GetValue(_folder)!,
            DocumentSizes = parse.GetValue(_sizes) is { Length: > 0 } sizes ? sizes : null,
            Connections = parse.GetValue(_connections),
            StreamsPerConnection = parse.GetValue(_streams) ?? 1,
            Rate = parse.GetValue(_rate),
            Rounds = parse.GetValue(_rounds),
            Duration = Seconds(parse.GetValue(_duration)),
            WarmUp = Seconds(parse.GetValue(_warmUp)),
            Thresholds = parse.GetValue(_thresholds) ?? [],
        };
        return Seconds(parse.GetValue(_soak)) is { } soak ? shape with { Soak = soak } : shape;
    }

    private static TimeSpan? Seconds(double? value) => value is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    private static Option<int?> Count(string name, string description, int max = CountMax) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Valid(result, text => IsWhole(text, 1, max), $"must be a whole number from 1 to {max}").Select(text => (int?)Number(text)).FirstOrDefault(),
    };

    private static Option<double?> Amount(string name, string description, double min = AmountMin) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Valid(result, text => IsWithin(text, min, AmountMax), FormattableString.Invariant($"must be a number from {min} to {AmountMax}")).Select(text => (double?)Number(text)).FirstOrDefault(),
    };

    private static bool IsWhole(string text, double min, double max) => IsWithin(text, min, max) && double.IsInteger(Number(text));

    private static bool IsWithin(string text, double min, double max) => Number(text) >= min && Number(text) <= max;

    private static double Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : double.NaN;

    // Not a validator: those are called for what could not be read, too, and throw when they look at it.
    private static List<string> Valid(ArgumentResult result, Func<string, bool> isValid, string requirement)
    {
        foreach (var token in result.Tokens.Where(t => !isValid(t.Value)))
        {
            result.AddError($"{(result.Parent as OptionResult)?.IdentifierToken?.Value} {requirement}, and not '{token.Value}'.");
        }

        return [.. result.Tokens.Select(t => t.Value).Where(isValid)];
    }
}
