using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>
/// The HSM did not sign. The message is a sentence for an operator; it never holds a PIN or a byte of what was to be signed.
/// </summary>
public abstract class HsmException : Exception
{
    private protected HsmException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Whether the PIN was refused.</summary>
    internal bool IsFatal => ReturnValue is { } returnValue && RecoveryPolicy.IsFatal((CKR)returnValue);

    /// <summary>What the PKCS#11 function returned (<c>CK_RV</c>), when it was a function that failed.</summary>
    public ulong? ReturnValue { get; internal init; }

    /// <summary>The exception for a function that failed outside of signing, where there is nothing to retry.</summary>
    /// <param name="returnValue">Not CKR_OK.</param>
    /// <param name="function">The function's name.</param>
    /// <param name="place">What it was called for, as in "the PKCS#11 token 'seal'".</param>
    internal static HsmException ForCall(CKR returnValue, string function, string place)
    {
        string message = $"{function} failed on {place}: {RecoveryPolicy.Describe(returnValue)}.";
        return RecoveryPolicy.IsFatal(returnValue)
            ? new HsmConfigurationException($"{message} It is not tried again: that could lock the token.")
            {
                ReturnValue = (ulong)returnValue,
            }
            : new HsmUnavailableException(message) { ReturnValue = (ulong)returnValue };
    }
}

/// <summary>
/// The HSM can't sign now and may later: the breaker is open, a call failed in a way that is not the caller's, or the signature was not
/// there in time. Maps to <c>UNAVAILABLE</c>.
/// </summary>
public sealed class HsmUnavailableException : HsmException
{
    /// <summary>Names what failed.</summary>
    public HsmUnavailableException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

/// <summary>The queue of the HSM is full. Nothing was queued. Maps to <c>RESOURCE_EXHAUSTED</c>.</summary>
public sealed class HsmBusyException : HsmException
{
    /// <summary>Names the queue and its length.</summary>
    public HsmBusyException(string message)
        : base(message, innerException: null)
    {
    }
}

/// <summary>
/// What was configured is not there or not fit: the module, the token, the PIN, the key. Trying again does not help, and with a wrong PIN
/// it would lock the token, so it is not done.
/// </summary>
public sealed class HsmConfigurationException : HsmException
{
    /// <summary>Names what is wrong and where.</summary>
    public HsmConfigurationException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
