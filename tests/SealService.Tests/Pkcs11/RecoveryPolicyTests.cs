using SealService.Pkcs11;
using SealService.Pkcs11.Interop;
using Xunit;

namespace SealService.Tests.Pkcs11;

public sealed class RecoveryPolicyTests
{
    // The numbers are those of the PKCS#11 specification; so this also checks the constants of the interop code.
    [Theory]
    [InlineData(0xB3, "RetryOnNewSession")] // SESSION_HANDLE_INVALID
    [InlineData(0xB0, "RetryOnNewSession")] // SESSION_CLOSED
    [InlineData(0x90, "RetryOnNewSession")] // OPERATION_ACTIVE
    [InlineData(0x91, "RetryOnNewSession")] // OPERATION_NOT_INITIALIZED
    [InlineData(0x101, "Login")] // USER_NOT_LOGGED_IN
    [InlineData(0x82, "Reconnect")] // OBJECT_HANDLE_INVALID
    [InlineData(0x60, "Reconnect")] // KEY_HANDLE_INVALID
    [InlineData(0x30, "Reinitialize")] // DEVICE_ERROR
    [InlineData(0x32, "Reinitialize")] // DEVICE_REMOVED
    [InlineData(0xE0, "Reinitialize")] // TOKEN_NOT_PRESENT
    [InlineData(0xE1, "Reinitialize")] // TOKEN_NOT_RECOGNIZED
    [InlineData(0x05, "Reinitialize")] // GENERAL_ERROR
    [InlineData(0x06, "Reinitialize")] // FUNCTION_FAILED
    [InlineData(0x190, "Reinitialize")] // CRYPTOKI_NOT_INITIALIZED
    [InlineData(0x80000000, "Reinitialize")] // VENDOR_DEFINED
    [InlineData(0xCE534351, "Reinitialize")] // a vendor's own
    [InlineData(0x02, "ShrinkPool")] // HOST_MEMORY
    [InlineData(0x31, "ShrinkPool")] // DEVICE_MEMORY
    [InlineData(0xB1, "ShrinkPool")] // SESSION_COUNT
    [InlineData(0xA0, "Fatal")] // PIN_INCORRECT
    [InlineData(0xA3, "Fatal")] // PIN_EXPIRED
    [InlineData(0xA4, "Fatal")] // PIN_LOCKED
    [InlineData(0x20, "FailRequest")] // DATA_INVALID
    [InlineData(0x70, "FailRequest")] // MECHANISM_INVALID
    [InlineData(0x7777, "FailRequest")] // unknown
    public void ActionFor_FirstAttempt_IsOfTheTable(ulong returnValue, string action) =>
        Assert.Equal(action, RecoveryPolicy.ActionFor((CKR)returnValue, attempt: 1).ToString());

    [Theory]
    [InlineData(0xB3)]
    [InlineData(0x101)]
    [InlineData(0x60)]
    public void ActionFor_FurtherAttempts_ClimbToTheBreaker(ulong returnValue)
    {
        Assert.Equal(RecoveryAction.Reconnect, RecoveryPolicy.ActionFor((CKR)returnValue, attempt: 2));
        Assert.Equal(RecoveryAction.Reinitialize, RecoveryPolicy.ActionFor((CKR)returnValue, RecoveryPolicy.AttemptsMax));
        Assert.Equal(RecoveryAction.Reinitialize, RecoveryPolicy.ActionFor((CKR)returnValue, RecoveryPolicy.AttemptsMax + 1));
    }

    [Fact]
    public void ActionFor_AnyReturnValue_EndsWithinTheAttempts()
    {
        foreach (CKR returnValue in Enum.GetValues<CKR>().Except([CKR.OK]))
        {
            RecoveryAction last = RecoveryPolicy.ActionFor(returnValue, RecoveryPolicy.AttemptsMax);
            Assert.True(
                last is RecoveryAction.Reinitialize or RecoveryAction.ShrinkPool or RecoveryAction.Fatal or RecoveryAction.FailRequest,
                $"{returnValue}: {last}");
        }
    }

    [Theory]
    [InlineData(0x30, "CKR_DEVICE_ERROR (0x30)")]
    [InlineData(0x80000001, "CK_RV 0x80000001")]
    public void Describe_ReturnValue_IsItsNameAndNumber(ulong returnValue, string text) =>
        Assert.Equal(text, RecoveryPolicy.Describe((CKR)returnValue));
}
