using Microsoft.Extensions.Logging;

namespace SealService.Pkcs11;

/// <summary>What a token logs. Event ids 3000 to 3099, each for ever of one meaning.</summary>
internal sealed partial class TokenLog(ILogger logger)
{
    [LoggerMessage(3000, LogLevel.Information, "Opened the {Token} of the module {Module} with up to {Sessions} sessions")]
    public partial void Opened(string token, string module, int sessions);

    [LoggerMessage(3001, LogLevel.Information, "The {Token} signs with the {Algorithm} key '{Label}'")]
    public partial void KeyFound(string token, string label, KeyAlgorithm algorithm);

    [LoggerMessage(3002, LogLevel.Information, "Closed the {Token}")]
    public partial void Closed(string token);

    [LoggerMessage(3010, LogLevel.Warning, "{Function} failed on the {Token}: {ReturnValue}; attempt {Attempt}, next: {Action}")]
    public partial void CallFailed(string token, string function, string returnValue, int attempt, RecoveryAction action);

    [LoggerMessage(3011, LogLevel.Error, "The breaker of the {Token} opened: {Failure}")]
    public partial void BreakerOpened(string token, string failure);

    [LoggerMessage(3012, LogLevel.Information, "The breaker of the {Token} closed")]
    public partial void BreakerClosed(string token);

    [LoggerMessage(3013, LogLevel.Information, "Connected the {Token} again, for the {Generation}. time")]
    public partial void Reconnected(string token, long generation);

    [LoggerMessage(3014, LogLevel.Warning, "The {Token} can't be connected again yet: {Failure}")]
    public partial void ReconnectFailed(string token, string failure);

    [LoggerMessage(3015, LogLevel.Warning, "Re-initialisation of the module {Module}: {Outcome} {ReturnValue}")]
    public partial void Reinitialized(string module, Reinitialization outcome, string returnValue);

    [LoggerMessage(3016, LogLevel.Warning, "A session of the {Token} rests: {ReturnValue}; {Sessions} sessions left")]
    public partial void SessionRests(string token, string returnValue, int sessions);

    [LoggerMessage(3017, LogLevel.Warning, "{Sessions} sessions of the {Token} stay open, because a call in one of them does not return")]
    public partial void SessionsLost(string token, int sessions);

    [LoggerMessage(3018, LogLevel.Error, "The {Token} can't be closed, because a call in it does not return; the module stays initialised")]
    public partial void CloseTimedOut(string token);

    [LoggerMessage(3020, LogLevel.Critical, "The {Token} is not used any more: {Failure}")]
    public partial void TokenFaulted(string token, string failure);

    [LoggerMessage(3021, LogLevel.Critical, "A key is not used any more: {Failure}")]
    public partial void KeyFaulted(string failure);

    [LoggerMessage(3030, LogLevel.Error, "Unexpected failure in the {Token}")]
    public partial void Unexpected(Exception exception, string token);
}
