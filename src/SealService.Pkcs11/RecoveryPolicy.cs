using System.Globalization;
using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>What to do about a call that failed.</summary>
internal enum RecoveryAction
{
    /// <summary>The request is at fault, or nothing is known that would help: it fails, its session is dropped.</summary>
    FailRequest,

    /// <summary>Drop the session, sign again in a new one.</summary>
    RetryOnNewSession,

    /// <summary>Log in again (once for all that need it), then sign again.</summary>
    Login,

    /// <summary>A new connection: new sessions, new login, all keys found again; then sign again.</summary>
    Reconnect,

    /// <summary>The breaker opens: requests fail until the module is re-initialised, or at least connected again.</summary>
    Reinitialize,

    /// <summary>The session rests for a while; another one serves the request.</summary>
    ShrinkPool,

    /// <summary>The PIN was refused. Never again: the next attempt may lock the token.</summary>
    Fatal,
}

/// <summary>
/// From return values to actions; no state, no side effect. What can be retried climbs one step with each attempt that fails on the
/// same request: a new session, then a new connection, then the breaker. So a module that says SESSION_HANDLE_INVALID for ever after one
/// DEVICE_ERROR ends in a re-initialisation, not in endless retries.
/// </summary>
internal static class RecoveryPolicy
{
    /// <summary>A request is tried so many times, each attempt after what <see cref="ActionFor"/> says.</summary>
    public const int AttemptsMax = 3;

    /// <param name="returnValue">Not CKR_OK.</param>
    /// <param name="attempt">Which attempt returned it; the first is 1.</param>
    public static RecoveryAction ActionFor(CKR returnValue, int attempt)
    {
        RecoveryAction action = FirstActionFor(returnValue);
        if (!IsRetried(returnValue))
        {
            return action;
        }

        return attempt switch
        {
            1 => action,
            < AttemptsMax => RecoveryAction.Reconnect,
            _ => RecoveryAction.Reinitialize,
        };
    }

    /// <summary>Whether a request that failed so is tried again.</summary>
    public static bool IsRetried(CKR returnValue) =>
        FirstActionFor(returnValue) is RecoveryAction.RetryOnNewSession or RecoveryAction.Login or RecoveryAction.Reconnect;

    /// <summary>Whether the PIN was refused.</summary>
    public static bool IsFatal(CKR returnValue) => FirstActionFor(returnValue) == RecoveryAction.Fatal;

    /// <summary>The return value's name as in the specification, for messages.</summary>
    public static string Describe(CKR returnValue) => Enum.IsDefined(returnValue)
        ? string.Create(CultureInfo.InvariantCulture, $"CKR_{returnValue} (0x{(ulong)returnValue:X})")
        : string.Create(CultureInfo.InvariantCulture, $"CK_RV 0x{(ulong)returnValue:X}");

    private static RecoveryAction FirstActionFor(CKR returnValue) => returnValue switch
    {
        CKR.SESSION_HANDLE_INVALID or CKR.SESSION_CLOSED or CKR.OPERATION_ACTIVE or CKR.OPERATION_NOT_INITIALIZED
            or CKR.FUNCTION_CANCELED => RecoveryAction.RetryOnNewSession,

        CKR.USER_NOT_LOGGED_IN => RecoveryAction.Login,

        CKR.OBJECT_HANDLE_INVALID or CKR.KEY_HANDLE_INVALID => RecoveryAction.Reconnect,

        // FUNCTION_FAILED is also how AWS CloudHSM reports throttling.
        CKR.DEVICE_ERROR or CKR.DEVICE_REMOVED or CKR.TOKEN_NOT_PRESENT or CKR.TOKEN_NOT_RECOGNIZED or CKR.SLOT_ID_INVALID
            or CKR.GENERAL_ERROR or CKR.FUNCTION_FAILED or CKR.CRYPTOKI_NOT_INITIALIZED => RecoveryAction.Reinitialize,

        CKR.HOST_MEMORY or CKR.DEVICE_MEMORY or CKR.SESSION_COUNT => RecoveryAction.ShrinkPool,

        CKR.PIN_INCORRECT or CKR.PIN_LOCKED or CKR.PIN_INVALID or CKR.PIN_LEN_RANGE or CKR.PIN_EXPIRED
            or CKR.USER_PIN_NOT_INITIALIZED => RecoveryAction.Fatal,

        // What a vendor made up tells nothing about the state behind it.
        >= CKR.VENDOR_DEFINED => RecoveryAction.Reinitialize,

        _ => RecoveryAction.FailRequest,
    };
}
