using System.Globalization;

namespace SealService.Configuration;

/// <summary>Gathers the configuration from its sources, in the order that <see cref="SealOptions"/> states.</summary>
internal static class ConfigurationLoader
{
    /// <summary>Adds the sources that the command line names behind those that are there.</summary>
    /// <exception cref="ConfigurationException">The file does not exist or is not valid.</exception>
    public static void AddSources(IConfigurationBuilder configuration, CommandLine commandLine)
    {
        if (commandLine.ConfigFile is { } file)
        {
            if (!File.Exists(file))
            {
                throw new ConfigurationException([$"The configuration file '{file}' does not exist."]);
            }

            try
            {
                configuration.AddJsonFile(Path.GetFullPath(file), optional: false, reloadOnChange: false);
            }
            catch (InvalidDataException e)
            {
                throw new ConfigurationException([$"The configuration file '{file}' is not valid: {e.GetBaseException().Message}"]);
            }

            configuration.AddEnvironmentVariables();
        }

        configuration.AddCommandLine([.. commandLine.Settings]);
    }

    /// <summary>The checked options.</summary>
    /// <exception cref="ConfigurationException">A key is unknown, a value can't be read, or a check fails; the message names the key.</exception>
    public static SealOptions Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(SealOptions.Section);
        if (FindMalformedDurations(section, typeof(SealOptions)).ToList() is { Count: > 0 } malformed)
        {
            throw new ConfigurationException(malformed);
        }

        SealOptions options;
        try
        {
            options = section.Get<SealOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new SealOptions();
        }
        catch (InvalidOperationException e) when (e.GetBaseException().Message is var message && message.Contains("properties were not found", StringComparison.Ordinal))
        {
            // The binder says it in words about its own options; the key is in quotation marks at their end, after the name of its section's type.
            var at = message.LastIndexOf(':');
            throw new ConfigurationException([$"The section {SectionOf(message[..at])} has a key that does not exist: {message[(at + 1)..].Trim()}. docs/operations.md lists all keys."]);
        }
        catch (InvalidOperationException e)
        {
            throw new ConfigurationException([e.InnerException is null ? e.Message : $"{e.Message} {e.InnerException.Message}"]);
        }

        var errors = SealOptionsValidation.Validate(options);
        return errors.Count == 0 ? options : throw new ConfigurationException(errors);
    }

    private static string SectionOf(string textThatEndsWithType) =>
        typeof(SealOptions).GetProperties().FirstOrDefault(p => textThatEndsWithType.EndsWith((p.PropertyType.IsGenericType ? p.PropertyType.GenericTypeArguments[0] : p.PropertyType).FullName!, StringComparison.Ordinal)) is { } property
            ? $"{SealOptions.Section}:{property.Name}"
            : SealOptions.Section;

    // TimeSpan.Parse, by which the binder reads durations, takes "1" for a day. Whoever writes it means something else.
    private static IEnumerable<string> FindMalformedDurations(IConfigurationSection section, Type type)
    {
        if (type == typeof(TimeSpan))
        {
            return section.Value is { } value && !(value.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out _))
                ? [$"{section.Path} is '{value}'; write durations as hh:mm:ss.fff, for example 00:00:00.005."]
                : [];
        }

        if (type.IsGenericType)
        {
            return section.GetChildren().SelectMany(item => FindMalformedDurations(item, type.GenericTypeArguments[0]));
        }

        return type.Namespace == typeof(SealOptions).Namespace
            ? type.GetProperties().SelectMany(property => FindMalformedDurations(section.GetSection(property.Name), property.PropertyType))
            : [];
    }
}

/// <summary>The configuration can't be used; each line of the message is one complaint.</summary>
internal sealed class ConfigurationException(IReadOnlyList<string> errors) : Exception(string.Join('\n', errors));
