using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using SealService.Client;

namespace SealService.Cli;

/// <summary>Options that several verbs have. Each verb makes its own, so that its help shows what it takes.</summary>
internal static class SharedOptions
{
    public const string JsonName = "--json";

    public static Option<bool> Json() => new(JsonName) { Description = "Write JSON instead of text: one document, or one a line where there can be many." };

    public static Option<string[]> Key() => new("--key")
    {
        Description = "A verifier key (name+hash+base64) to trust, or a file with one a line. May be given several times.",
        HelpName = "VKEY|FILE",
    };

    /// <summary>Files and folders. The parser takes an option that does not exist for one of them; a file of such a name is given as ./-name.</summary>
    public static Argument<string[]> Paths(string name, string description)
    {
        var paths = new Argument<string[]>(name) { Description = description, Arity = ArgumentArity.OneOrMore };
        paths.Validators.Add(static result =>
        {
            foreach (var token in result.Tokens.Where(t => t.Value.StartsWith('-')))
            {
                result.AddError($"There is no option '{token.Value}'; a file of this name is given as './{token.Value}'.");
            }
        });
        return paths;
    }

    /// <summary>
    /// Reads a whole number within bounds, for an option's or an argument's CustomParser: a validator can't do it, for it is called for a value that
    /// could not be read, too, and throws when it looks at it.
    /// </summary>
    public static Func<ArgumentResult, T> WholeNumber<T>(T min, T max)
        where T : struct, IBinaryInteger<T> => result =>
    {
        if (result.Tokens is [var token] && T.TryParse(token.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
        {
            return value;
        }

        var name = (result.Parent as OptionResult)?.IdentifierToken?.Value ?? result.Argument.Name;
        result.AddError($"{name} must be a whole number from {min} to {max}.");
        return min;
    };

    /// <summary>The same for an index, a size, or a count.</summary>
    public static long NotNegative(ArgumentResult result) => WholeNumber(0, long.MaxValue)(result);
}

/// <summary>Where the server is, for the verbs that talk to one.</summary>
internal sealed class ServerOptions
{
    private const string ServerVariable = "SEAL_SERVER";

    private readonly Option<string?> _server = new("--server")
    {
        Description = $"The server's address; default ${ServerVariable}, or {SealClientOptions.DefaultAddress.GetLeftPart(UriPartial.Authority)}.",
        HelpName = "URL",
    };

    private readonly Option<string?> _ca = new("--ca")
    {
        Description = "A PEM file of the authorities that may issue the server's certificate.",
        HelpName = "FILE",
    };

    private readonly Option<string> _ledger = new("--ledger")
    {
        Description = "The ledger's name; default is the server's default ledger.",
        HelpName = "NAME",
        DefaultValueFactory = static _ => "",
    };

    public void AddTo(Command command)
    {
        command.Add(_server);
        command.Add(_ca);
        command.Add(_ledger);
    }

    public SealClientOptions Read(ParseResult parsed, CommandEnvironment environment)
    {
        var address = parsed.GetValue(_server) ?? environment.GetVariable(ServerVariable);
        var options = new SealClientOptions
        {
            CaCertificateFile = parsed.GetValue(_ca),
            Ledger = parsed.GetValue(_ledger) ?? "",
            TimeProvider = environment.TimeProvider,
        };
        if (string.IsNullOrEmpty(address))
        {
            return options;
        }

        return Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            ? options with { Address = uri }
            : throw CommandException.Usage($"The server's address must be like http://host:port or https://host:port, not '{address}'.");
    }
}
