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
                throw new ConfigurationException([$"The configuration file '{file}' is not valid: {e.InnerException?.Message ?? e.Message}"]);
            }

            configuration.AddEnvironmentVariables();
        }

        configuration.AddCommandLine([.. commandLine.Settings]);
    }

    /// <summary>The checked options.</summary>
    /// <exception cref="ConfigurationException">A key is unknown, a value can't be read, or a check fails; the message names the key.</exception>
    public static SealOptions Read(IConfiguration configuration)
    {
        SealOptions options;
        try
        {
            options = configuration.GetSection(SealOptions.Section).Get<SealOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new SealOptions();
        }
        catch (InvalidOperationException e) when (e.Message.Contains("properties were not found", StringComparison.Ordinal))
        {
            // The binder says it in words about its own options; the key is in quotation marks at their end.
            throw new ConfigurationException([$"The section Seal has a key that does not exist: {e.Message[(e.Message.LastIndexOf(':') + 1)..].Trim()}. docs/operations.md lists all keys."]);
        }
        catch (InvalidOperationException e)
        {
            throw new ConfigurationException([e.InnerException is null ? e.Message : $"{e.Message} {e.InnerException.Message}"]);
        }

        var errors = SealOptionsValidation.Validate(options);
        return errors.Count == 0 ? options : throw new ConfigurationException(errors);
    }
}

/// <summary>The configuration can't be used; each line of the message is one complaint.</summary>
internal sealed class ConfigurationException(IReadOnlyList<string> errors) : Exception(string.Join('\n', errors));
