using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace SealService.Pkcs11;

/// <summary>What became of a request, as a metric's tag.</summary>
internal enum SignOutcome
{
    Signed,
    Unavailable,
    Busy,
    Misconfigured,
    TimedOut,
    Canceled,
}

/// <summary>The metrics of one token: a meter of its own, so that they end with it.</summary>
internal sealed class TokenMetrics : IDisposable
{
    public const string MeterName = "SealService.Pkcs11";

    private static readonly string[] OutcomeTags = ["signed", "unavailable", "busy", "misconfigured", "timed_out", "canceled"];
    private static readonly string[] AlgorithmTags = ["", "ed25519", "ecdsa_p256"];

    private readonly Meter _meter;
    private readonly string _token;
    private readonly Counter<long> _signatures;
    private readonly Histogram<double> _signDuration;

    public TokenMetrics(string token)
    {
        _token = token;
        _meter = new Meter(MeterName);
        _signatures = _meter.CreateCounter<long>("seal.hsm.signatures", "{signature}", "Requests for a signature, by outcome.");
        _signDuration = _meter.CreateHistogram(
            "seal.hsm.sign.duration", "s", "C_SignInit and C_Sign, without the time in the queue.", advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
            });
    }

    /// <summary>Begins to observe what is true at the moment of asking.</summary>
    public void Observe(Func<TokenStatus> status)
    {
        KeyValuePair<string, object?> token = new("token", _token);
        _meter.CreateObservableUpDownCounter(
            "seal.hsm.queue.length",
            () => new Measurement<int>(status().QueuedRequests, token),
            "{request}",
            "Requests that wait for a session.");
        _meter.CreateObservableUpDownCounter(
            "seal.hsm.sessions",
            () => new Measurement<int>(status().Sessions, token),
            "{session}",
            "Sessions that are open to sign.");
    }

    public void Count(SignOutcome outcome, KeyAlgorithm algorithm)
    {
        var tags = new TagList
        {
            { "token", _token },
            { "outcome", OutcomeTags[(int)outcome] },
            { "algorithm", AlgorithmTags[(int)algorithm] },
        };
        _signatures.Add(1, tags);
    }

    public void Signed(TimeSpan duration, KeyAlgorithm algorithm)
    {
        var tags = new TagList { { "token", _token }, { "algorithm", AlgorithmTags[(int)algorithm] } };
        _signDuration.Record(duration.TotalSeconds, tags);
    }

    public void Dispose() => _meter.Dispose();
}
