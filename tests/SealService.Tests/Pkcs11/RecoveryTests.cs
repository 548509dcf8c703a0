using System.Diagnostics;
using System.Runtime.Versioning;
using SealService.Pkcs11;
using Xunit;

namespace SealService.Tests.Pkcs11;

/// <summary>A token that fails: faults from hsm-sim, and what the callers see of them.</summary>
[UnsupportedOSPlatform("windows")]
[Collection(SoftHsmTests.Name)]
public sealed class RecoveryTests(SoftHsm hsm) : IDisposable
{
    private const int CallFailed = 3010;
    private const int BreakerOpened = 3011;
    private const int BreakerClosed = 3012;
    private const int Reconnected = 3013;
    private const int ReconnectFailed = 3014;
    private const int Reinitialized = 3015;
    private const int SessionRests = 3016;
    private const int SessionsLost = 3017;
    private const int TokenFaulted = 3020;
    private const int KeyFaulted = 3021;

    private readonly EventLog _log = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        hsm.Inject();
        _log.Dispose();
    }

    [Theory]
    [InlineData("fail C_Sign 0xB3 count 1")] // SESSION_HANDLE_INVALID
    [InlineData("fail C_Sign 0xB0 count 1")] // SESSION_CLOSED
    [InlineData("fail C_SignInit 0x90 count 1")] // OPERATION_ACTIVE
    [InlineData("fail C_Sign 0x91 count 1")] // OPERATION_NOT_INITIALIZED
    [InlineData("fail C_SignInit 0x101 count 1")] // USER_NOT_LOGGED_IN
    [InlineData("fail C_SignInit 0x60 count 1")] // KEY_HANDLE_INVALID
    [InlineData("fail C_SignInit 0x82 count 1")] // OBJECT_HANDLE_INVALID
    [InlineData("fail C_OpenSession 0xB0 count 1")]
    [InlineData("drop-sessions")]
    public async Task SignAsync_FaultThatARetryMends_IsInvisible(string fault)
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject(fault);

        byte[] signature = await key.SignAsync("message"u8.ToArray(), Cancellation);

        Assert.True(LibCrypto.VerifyEd25519(key.PublicKey.Span, "message"u8, signature));
        Assert.InRange(_log.Count(CallFailed), 1, 2);
        Assert.Equal(0, _log.Count(BreakerOpened));
    }

    [Fact]
    public async Task SignAsync_EveryTenthSessionIsLost_AllAreSigned()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("fail C_Sign 0xB3 every 10");

        await Parallel.ForAsync(0, 200, Cancellation, async (i, cancellation) =>
        {
            byte[] message = BitConverter.GetBytes(i);
            byte[] signature = await key.SignAsync(message, cancellation);
            Assert.True(LibCrypto.VerifyEd25519(key.PublicKey.Span, message, signature));
        });

        Assert.InRange(_log.Count(CallFailed), 20, 40);
    }

    [Theory]
    [InlineData(0x30)] // DEVICE_ERROR
    [InlineData(0x06)] // FUNCTION_FAILED
    [InlineData(0x190)] // CRYPTOKI_NOT_INITIALIZED
    [InlineData(0x80000001)] // a vendor's own
    public async Task SignAsync_DeviceError_OpensTheBreakerThenRecovers(ulong returnValue)
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey ed25519 = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        SigningKey p256 = await token.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation);
        hsm.Inject($"fail C_Sign {returnValue} count 1");

        var exception = await Assert.ThrowsAsync<HsmUnavailableException>(() => ed25519.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        await _log.WaitForAsync(BreakerClosed);

        Assert.Equal(returnValue, exception.ReturnValue);
        Assert.Equal(1, _log.Count(Reinitialized));
        Assert.Equal((TokenState.Ready, 2L), (token.Status.State, token.Status.Generation));
        Assert.NotEmpty(await ed25519.SignAsync("m"u8.ToArray(), Cancellation));
        Assert.NotEmpty(await p256.SignAsync("m"u8.ToArray(), Cancellation));
    }

    [Fact]
    public async Task SignAsync_BreakerOpen_FailsAtOnceWithTheReason()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("fail C_Sign 0x30", "fail C_OpenSession 0xE0"); // DEVICE_ERROR, then TOKEN_NOT_PRESENT

        await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        await _log.WaitForAsync(ReconnectFailed);
        var exception = await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());

        Assert.Equal(TokenState.Recovering, token.Status.State);
        Assert.Contains("CKR_TOKEN_NOT_PRESENT (0xE0)", exception.Message, StringComparison.Ordinal);
        Assert.Equal(1, _log.Count(BreakerOpened));

        hsm.Inject();
        await _log.WaitForAsync(BreakerClosed);
        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
    }

    [Fact]
    public async Task SignAsync_SessionsAreInvalidForEver_OpensTheBreaker()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("fail C_Sign 0xB3");

        await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        Assert.Equal(1, _log.Count(BreakerOpened));

        hsm.Inject();
        await _log.WaitForAsync(BreakerClosed);
        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
    }

    [Fact]
    public async Task Recovery_TooSoonToReinitialize_ReconnectsOnly()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log, o => o with { ReinitializeInterval = TokenOptions.DurationMax });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        for (int failures = 0; failures < 3; failures++)
        {
            hsm.Inject("fail C_Sign 0x06 count 1");
            await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
            await _log.WaitForAsync(BreakerClosed);
        }

        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
        Assert.InRange(_log.Count(Reinitialized), 0, 1);
        Assert.Equal(3, _log.Count(Reconnected));
    }

    [Fact]
    public async Task Recovery_ACallHangs_ReconnectsWithoutFinalizingUnderIt()
    {
        await using Token token = await hsm.OpenSimulatedAsync(
            _log, o => o with { Sessions = 2, DrainTimeout = TimeSpan.FromMilliseconds(100) });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("hang C_Sign ms 1000 count 1", "fail C_Sign 0x30 count 1"); // whichever request is second fails

        Task<byte[]>[] signatures = [.. Enumerable.Range(0, 2).Select(_ => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask())];
        await _log.WaitForAsync(BreakerClosed);
        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
        await Task.WhenAll(signatures).ContinueWith(_ => { }, TaskScheduler.Default);

        Assert.Equal(1, signatures.Count(s => s.IsCompletedSuccessfully));
        Assert.Equal(1, signatures.Count(s => s.Exception?.InnerException is HsmUnavailableException));
        Assert.Equal(1, _log.Count(SessionsLost));
        Assert.Contains(_log.Messages, m => m.Contains(nameof(Reinitialization.CallsInFlight), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Recovery_ModuleSharedWithAnotherToken_IsInvisibleThere()
    {
        using var otherLog = new EventLog();
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        await using Token other = await hsm.OpenSimulatedAsync(otherLog, o => o with { TokenLabel = SoftHsm.OtherLabel });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        SigningKey otherKey = await other.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        Assert.NotEmpty(await otherKey.SignAsync("m"u8.ToArray(), Cancellation));

        hsm.Inject("fail C_Sign 0x30 count 1");
        await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        await _log.WaitForAsync(BreakerClosed);
        byte[] signature = await otherKey.SignAsync("message"u8.ToArray(), Cancellation);

        Assert.True(LibCrypto.VerifyEd25519(otherKey.PublicKey.Span, "message"u8, signature));
        Assert.Equal((2L, 2L), (token.Status.Generation, other.Status.Generation));
        Assert.Equal((0, 0), (otherLog.Count(CallFailed), otherLog.Count(BreakerOpened)));
        Assert.NotNull(await other.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation));
    }

    [Fact]
    public async Task Recovery_PinRefused_IsNotTriedAgain()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("fail C_Sign 0x30 count 1", "fail C_Login 0xA0 count 1"); // a second login would succeed

        await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        await _log.WaitForAsync(TokenFaulted);

        await Assert.ThrowsAsync<HsmConfigurationException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        Assert.Equal(TokenState.Faulted, token.Status.State);
        Assert.Equal(0, _log.Count(BreakerClosed));
    }

    [Fact]
    public async Task Recovery_AnotherKeyUnderTheSameLabel_IsNeverUsed()
    {
        const string Label = "replaced";
        hsm.RequireInstalled();
        hsm.MakeKey(Label);
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey replaced = await token.GetSigningKeyAsync(Label, Cancellation);
        SigningKey other = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        hsm.ReplaceKey(Label);
        hsm.Inject("fail C_Sign 0x30 count 1");
        await Assert.ThrowsAsync<HsmUnavailableException>(() => other.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        await _log.WaitForAsync(BreakerClosed);

        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(
            () => replaced.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        Assert.Contains("another one than before", exception.Message, StringComparison.Ordinal);
        Assert.Equal(1, _log.Count(KeyFaulted));
        Assert.NotEmpty(await other.SignAsync("m"u8.ToArray(), Cancellation));
    }

    [Fact]
    public async Task Heartbeat_SessionsDropped_ReconnectsBeforeAnyoneSigns()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log, o => o with { HeartbeatInterval = TimeSpan.FromMilliseconds(20) });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        hsm.Inject("drop-sessions");
        await _log.WaitForAsync(Reconnected);

        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
        Assert.Equal(0, _log.Count(BreakerOpened));
    }

    [Fact]
    public async Task GetSigningKeyAsync_SessionsDropped_Reconnects()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        hsm.Inject("drop-sessions");

        Assert.NotNull(await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation));
    }

    [Fact]
    public async Task SignAsync_NoRoomForASession_AnotherSessionSigns()
    {
        await using Token token = await hsm.OpenSimulatedAsync(
            _log, o => o with { Sessions = 2, ShrinkInterval = TokenOptions.DurationMax });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("fail C_OpenSession 0xB1 count 1"); // SESSION_COUNT

        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
        Assert.Equal(1, _log.Count(SessionRests));
    }

    [Fact]
    public async Task SignAsync_NoRoomForTheLastSession_IsUnavailableThenWorks()
    {
        await using Token token = await hsm.OpenSimulatedAsync(
            _log, o => o with { Sessions = 1, ShrinkInterval = TokenOptions.DurationMax });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("fail C_OpenSession 0xB1 count 1");

        var exception = await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());

        Assert.Equal(0xB1UL, exception.ReturnValue);
        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
    }

    [Fact]
    public async Task SignAsync_QueueFull_IsBusyAndTheOthersAreSigned()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log, o => o with { Sessions = 1, QueuedRequests = 1 });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("sign-latency-ms 300");

        // One may be in the session and one in the queue.
        Task<byte[]>[] signatures = [.. Enumerable.Range(0, 5).Select(_ => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask())];
        await Task.WhenAll(signatures).ContinueWith(_ => { }, TaskScheduler.Default);

        Assert.InRange(signatures.Count(s => s.IsCompletedSuccessfully), 1, 2);
        Assert.All(signatures.Where(s => s.IsFaulted), s => Assert.IsType<HsmBusyException>(s.Exception!.InnerException));
    }

    [Fact]
    public async Task SignAsync_HangsLongerThanTheTimeout_IsUnavailable()
    {
        await using Token token = await hsm.OpenSimulatedAsync(
            _log, o => o with { Sessions = 1, SignTimeout = TimeSpan.FromMilliseconds(50) });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("hang C_Sign ms 400 count 1");

        var exception = await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());

        // Disposing waits for the call in flight, and finalizes the module only then.
        Assert.Equal("The PKCS#11 token 'seal' did not sign within 0.05 s.", exception.Message);
    }

    [Fact]
    public async Task SignAsync_SlowHsm_TakesItsTime()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log);
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("sign-latency-ms 100");

        long started = Stopwatch.GetTimestamp();
        await key.SignAsync("m"u8.ToArray(), Cancellation);

        Assert.True(Stopwatch.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task SignAsync_CappedHsm_SharesItsCapacityAmongSessions()
    {
        await using Token token = await hsm.OpenSimulatedAsync(_log, o => o with { Sessions = 4 });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        hsm.Inject("signs-per-second 100");

        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 21).Select(_ => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask()));

        Assert.True(Stopwatch.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(200));
    }

    [Fact]
    public async Task SignAsync_StormOfFaults_GivesValidSignaturesOrUnavailable()
    {
        await using Token token = await hsm.OpenSimulatedAsync(
            _log, o => o with { Sessions = 4, HeartbeatInterval = TimeSpan.FromMilliseconds(5) });
        SigningKey[] keys =
        [
            await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation),
            await token.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation),
        ];
        hsm.Inject(
            "fail C_Sign 0xB3 every 7", "fail C_SignInit 0x101 every 11", "fail C_SignInit 0x60 every 13", "fail C_Sign 0x30 every 60",
            "fail C_OpenSession 0xB0 every 9", "fail C_GetSessionInfo 0xB3 every 5", "fail C_Login 0x101 every 10");
        int signed = 0;

        await Parallel.ForAsync(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, cancellation) =>
        {
            SigningKey key = keys[i % 2];
            byte[] message = BitConverter.GetBytes(i);
            try
            {
                byte[] signature = await key.SignAsync(message, cancellation);
                Assert.True(key.EcPublicKey.Verify(message, signature, LibCrypto.VerifyEd25519));
                Interlocked.Increment(ref signed);
            }
            catch (HsmUnavailableException)
            {
                await Task.Delay(1, cancellation); // as a client backs off
            }
        });

        hsm.Inject();
        while (token.Status.State != TokenState.Ready)
        {
            await _log.WaitForAsync(BreakerClosed);
        }

        Assert.InRange(signed, 1, 400);
        Assert.NotEmpty(await keys[0].SignAsync("m"u8.ToArray(), Cancellation));
        Assert.Equal(0, _log.Count(KeyFaulted) + _log.Count(TokenFaulted));
    }

    [Fact]
    public async Task Log_NeverHoldsThePin()
    {
        await using (Token token = await hsm.OpenSimulatedAsync(_log))
        {
            SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
            hsm.Inject("fail C_Sign 0x30 count 1", "fail C_Login 0x05 count 1");
            await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
            await _log.WaitForAsync(BreakerClosed);
        }

        string pin = await File.ReadAllTextAsync(hsm.PinFile, Cancellation);
        Assert.NotEmpty(_log.Messages);
        Assert.DoesNotContain(_log.Messages, m => m.Contains(pin, StringComparison.Ordinal));
    }
}
