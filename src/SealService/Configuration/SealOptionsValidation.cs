using System.Net;
using SealService.Pkcs11;

namespace SealService.Configuration;

/// <summary>Checks a configuration before anything starts; each complaint names the key and says what is wrong with it.</summary>
internal static class SealOptionsValidation
{
    /// <summary>All that is wrong with <paramref name="options"/>; empty when nothing is.</summary>
    public static IReadOnlyList<string> Validate(SealOptions options)
    {
        var errors = new List<string>();
        ValidateListen(options.Listen, errors);
        ValidateHsm(options.Hsm, errors);
        ValidateLedgers(options.Ledgers, errors);
        ValidateLimits(options.Limits, errors);
        if (options.Telemetry.OtlpEndpoint.Length > 0 && !Uri.TryCreate(options.Telemetry.OtlpEndpoint, UriKind.Absolute, out _))
        {
            errors.Add($"Seal:Telemetry:OtlpEndpoint '{options.Telemetry.OtlpEndpoint}' is not a URL.");
        }

        return errors;
    }

    private static void ValidateListen(ListenOptions listen, List<string> errors)
    {
        var secure = listen.CertificateFile.Length > 0;
        foreach (var (key, value, optional) in new[] { ("Seal:Listen:Grpc", listen.Grpc, false), ("Seal:Listen:Http", listen.Http, true) })
        {
            if (value.Length == 0 && optional)
            {
                continue;
            }

            if (!IPEndPoint.TryParse(value, out var endPoint) || !value.Contains(':', StringComparison.Ordinal))
            {
                errors.Add($"{key} '{value}' is not an address and port, such as 127.0.0.1:7070.");
            }
            else if (!IPAddress.IsLoopback(endPoint.Address) && !secure && !listen.Insecure)
            {
                errors.Add($"{key} '{value}' is not a loopback address: set Seal:Listen:CertificateFile and Seal:Listen:PrivateKeyFile, "
                    + "or say --insecure to serve clear text to the network.");
            }
        }

        if (secure != (listen.PrivateKeyFile.Length > 0))
        {
            errors.Add("Seal:Listen:CertificateFile and Seal:Listen:PrivateKeyFile go together; only one of them is set.");
        }

        RequireFile("Seal:Listen:CertificateFile", listen.CertificateFile, errors);
        RequireFile("Seal:Listen:PrivateKeyFile", listen.PrivateKeyFile, errors);
    }

    private static void ValidateHsm(HsmOptions hsm, List<string> errors)
    {
        RequireText("Seal:Hsm:Module", hsm.Module, "the path of a PKCS#11 module", errors);
        RequireText("Seal:Hsm:PinFile", hsm.PinFile, "the path of a file with the token's user PIN", errors);
        if (hsm.TokenLabel.Length == 0 && hsm.TokenSerial.Length == 0)
        {
            errors.Add("Seal:Hsm:TokenLabel is not set: it names the PKCS#11 token (or set Seal:Hsm:TokenSerial).");
        }

        RequireRange("Seal:Hsm:SessionsMax", hsm.SessionsMax, 1, TokenOptions.SessionsMax, errors);
        RequireRange("Seal:Hsm:QueueLengthMax", hsm.QueueLengthMax, 1, TokenOptions.QueuedRequestsMax, errors);
        RequireRange("Seal:Hsm:SignTimeout", hsm.SignTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(10), errors);
        RequireRange("Seal:Hsm:ReinitializeInterval", hsm.ReinitializeInterval, TokenOptions.DurationMin, TokenOptions.DurationMax, errors);
    }

    private static void ValidateLedgers(IList<LedgerEntryOptions> ledgers, List<string> errors)
    {
        if (ledgers.Count == 0)
        {
            errors.Add("Seal:Ledgers is empty: configure at least one ledger (Seal:Ledgers:0:Origin, Seal:Ledgers:0:Folder).");
        }

        for (var i = 0; i < ledgers.Count; i++)
        {
            var key = $"Seal:Ledgers:{i}";
            var ledger = ledgers[i];
            RequireText($"{key}:Name", ledger.Name, "the name by which requests choose the ledger", errors);
            RequireText($"{key}:Folder", ledger.Folder, "the ledger's data folder", errors);
            RequireText($"{key}:KeyLabel", ledger.KeyLabel, "the label of the key that signs the ledger's checkpoints", errors);
            if (ledger.Origin.Length == 0 || ledger.Origin.Length > 255 || ledger.Origin.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '+'))
            {
                errors.Add($"{key}:Origin '{ledger.Origin}' must be 1 to 255 characters without spaces and '+', such as seal.example.com/contracts.");
            }

            RequireRange($"{key}:BatchEntriesMax", ledger.BatchEntriesMax, 1, 1_000_000, errors);
            RequireRange($"{key}:BatchBytesMax", ledger.BatchBytesMax, 128 * 1024, LedgerEntryOptions.BatchBytesCeiling, errors);
            RequireRange($"{key}:BatchInterval", ledger.BatchInterval, TimeSpan.Zero, TimeSpan.FromSeconds(1), errors);
            RequireRange($"{key}:LongBatchInterval", ledger.LongBatchInterval, TimeSpan.Zero, TimeSpan.FromSeconds(1), errors);
            RequireRange($"{key}:CommitTimeout", ledger.CommitTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10), errors);
            RequireRange($"{key}:UnreadAnswersPerStreamMax", ledger.UnreadAnswersPerStreamMax, 1, 1024, errors);
            RequireRange($"{key}:SnapshotEntries", ledger.SnapshotEntries, 1000, 1_000_000_000, errors);
            RequireRange($"{key}:IndexKeysInMemoryMax", ledger.IndexKeysInMemoryMax, 1024, 1 << 24, errors);
            RequireRange($"{key}:IndexBacklogMibMax", ledger.IndexBacklogMibMax, 0, 65_536, errors);
            RequireRange($"{key}:RecordCacheMib", ledger.RecordCacheMib, 0, 2047, errors);
            RequireRange($"{key}:DiskFreeMinMib", ledger.DiskFreeMinMib, 0, 1_000_000, errors);
        }

        foreach (var (what, values) in new (string, IEnumerable<string>)[]
        {
            ("Name", ledgers.Select(l => l.Name)), ("Origin", ledgers.Select(l => l.Origin)), ("Folder", ledgers.Select(l => Path.GetFullPath(l.Folder.Length == 0 ? "." : l.Folder))),
        })
        {
            foreach (var twice in values.GroupBy(v => v, StringComparer.Ordinal).Where(g => g.Count() > 1))
            {
                errors.Add($"Seal:Ledgers: two ledgers have the {what} '{twice.Key}'.");
            }
        }
    }

    private static void ValidateLimits(LimitOptions limits, List<string> errors)
    {
        RequireRange("Seal:Limits:MessageBytesMax", limits.MessageBytesMax, 1024, 256 * 1024 * 1024, errors);
        RequireRange("Seal:Limits:DocumentBytesMax", limits.DocumentBytesMax, 1, long.MaxValue, errors);
        RequireRange("Seal:Limits:OpenDocumentsPerStreamMax", limits.OpenDocumentsPerStreamMax, 1, 65_536, errors);
        RequireRange("Seal:Limits:LookupsPerStreamMax", limits.LookupsPerStreamMax, 1, 4096, errors);
        RequireRange("Seal:Limits:StreamsPerConnectionMax", limits.StreamsPerConnectionMax, 1, 100_000, errors);
        RequireRange("Seal:Limits:ConnectionsMax", limits.ConnectionsMax, 1, 1_000_000, errors);
        RequireRange("Seal:Limits:CallsMax", limits.CallsMax, 1, 1_000_000, errors);
        RequireRange("Seal:Limits:UnfinishedMessagesMibMax", limits.UnfinishedMessagesMibMax, (limits.MessageBytesMax >> 20) + 1, 65_536, errors);
        RequireRange("Seal:Limits:IdleBuffersMibMax", limits.IdleBuffersMibMax, 0, 65_536, errors);
        RequireRange("Seal:Limits:StreamWindowBytes", limits.StreamWindowBytes, 65_535, int.MaxValue, errors);
        RequireRange("Seal:Limits:ConnectionWindowBytes", limits.ConnectionWindowBytes, 65_535, int.MaxValue, errors);
        RequireRange("Seal:Limits:ReadIdleTimeout", limits.ReadIdleTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1), errors);
        RequireRange("Seal:Limits:WriteTimeout", limits.WriteTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1), errors);
        RequireRange("Seal:Limits:DrainTimeout", limits.DrainTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), errors);
        RequireRange("Seal:Limits:DeadlineMax", limits.DeadlineMax, TimeSpan.FromSeconds(1), TimeSpan.FromDays(365), errors);
        RequireRange("Seal:Limits:MetadataBytesMax", limits.MetadataBytesMax, 1024, 1024 * 1024, errors);
        RequireRange("Seal:Limits:KeepAlivePingDelay", limits.KeepAlivePingDelay, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), errors);
        RequireRange("Seal:Limits:KeepAlivePingTimeout", limits.KeepAlivePingTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), errors);
        RequireRange("Seal:Limits:ConnectionIdleTimeout", limits.ConnectionIdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), errors);
        RequireRange("Seal:Limits:RequestHeadersTimeout", limits.RequestHeadersTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), errors);
        RequireRange("Seal:Limits:DigestsPerMessageMax", limits.DigestsPerMessageMax, 1, 1_000_000, errors);
        RequireRange("Seal:Limits:FindPageSizeMax", limits.FindPageSizeMax, 1, 8_000, errors);
        RequireRange("Seal:Limits:EntriesMessageBytes", limits.EntriesMessageBytes, 1024, 4 * 1024 * 1024, errors);
    }

    private static void RequireText(string key, string value, string meaning, List<string> errors)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            errors.Add($"{key} is not set: it is {meaning}.");
        }
    }

    private static void RequireFile(string key, string path, List<string> errors)
    {
        if (path.Length > 0 && !File.Exists(path))
        {
            errors.Add($"{key} '{path}' does not exist.");
        }
    }

    private static void RequireRange<T>(string key, T value, T min, T max, List<string> errors)
        where T : IComparable<T>
    {
        if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
        {
            errors.Add($"{key} is {value}; it must be from {min} to {max}.");
        }
    }
}
