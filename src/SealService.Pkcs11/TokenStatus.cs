namespace SealService.Pkcs11;

/// <summary>Whether a token signs.</summary>
public enum TokenState
{
    /// <summary>Connected and logged in.</summary>
    Ready = 1,

    /// <summary>The breaker is open: every request fails at once while the token is being reconnected.</summary>
    Recovering = 2,

    /// <summary>The PIN was refused: the token is not touched any more until the process starts anew.</summary>
    Faulted = 3,

    /// <summary>Disposed.</summary>
    Closed = 4,
}

/// <summary>What a token does at this moment, for health and for operators.</summary>
/// <param name="State">Whether it signs.</param>
/// <param name="Sessions">Sessions that are open and sign; the anchor session is not counted.</param>
/// <param name="QueuedRequests">Requests that wait for a session.</param>
/// <param name="Generation">How often the token was connected; the first time is 1.</param>
/// <param name="LastFailure">Why the token was last reconnected, or null.</param>
public readonly record struct TokenStatus(TokenState State, int Sessions, int QueuedRequests, long Generation, string? LastFailure);
