using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace SealService.Cli.Output;

/// <summary>Writes results to stdout, as text or as JSON lines, and errors to stderr (with --json as JSON to stdout as well). Safe for concurrent use.</summary>
internal sealed class ResultWriter(CommandEnvironment environment, bool asJson)
{
    // Paths and sentences go out as they are: the output is for terminals and programs, never for a web page.
    private static readonly JsonShapes Shapes = new(new JsonSerializerOptions(JsonShapes.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    private readonly Lock _lock = new();

    public bool AsJson { get; } = asJson;

    /// <summary>Writes one line of text; nothing with --json.</summary>
    public void WriteText(string line)
    {
        if (!AsJson)
        {
            WriteLine(environment.Output, line);
        }
    }

    /// <summary>Writes one JSON document on a line of its own; nothing without --json.</summary>
    public void WriteJson<T>(T value)
    {
        if (AsJson)
        {
            WriteLine(environment.Output, JsonSerializer.Serialize(value, (JsonTypeInfo<T>)Shapes.GetTypeInfo(typeof(T))!));
        }
    }

    /// <summary>Writes a remark that is no result.</summary>
    public void WriteNote(string line) => WriteLine(environment.Error, line);

    public void WriteError(ErrorReport error)
    {
        WriteJson(new ErrorJson("error", error.Code, error.Message, error.ExitCode));
        if (!AsJson)
        {
            WriteLine(environment.Error, $"seal: {error.Message}");
        }
    }

    /// <summary>File names and a server's sentences must not steer the terminal: control characters but the line feed are not printed.</summary>
    private static string Printable(string text) =>
        text.Any(static c => char.IsControl(c) && c != '\n')
            ? string.Concat(text.Select(static c => char.IsControl(c) && c != '\n' ? '\uFFFD' : c))
            : text;

    private void WriteLine(TextWriter writer, string line)
    {
        line = Printable(line);
        lock (_lock)
        {
            writer.WriteLine(line);
        }
    }
}
