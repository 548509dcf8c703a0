using System.Diagnostics.Metrics;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using SealService.Pkcs11;
using Xunit;

namespace SealService.Tests.Pkcs11;

/// <summary>A token that works, and one that is configured wrong. SoftHSM itself, without faults.</summary>
[UnsupportedOSPlatform("windows")]
[Collection(SoftHsmTests.Name)]
public sealed class TokenTests(SoftHsm hsm)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SignAsync_Ed25519_VerifiesByOpenSsl()
    {
        await using Token token = await hsm.OpenAsync();
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        byte[] signature = await key.SignAsync("message"u8.ToArray(), Cancellation);

        Assert.Equal(KeyAlgorithm.Ed25519, key.Algorithm);
        Assert.Equal(32, key.PublicKey.Length);
        Assert.Equal(64, signature.Length);
        Assert.True(LibCrypto.VerifyEd25519(key.PublicKey.Span, "message"u8, signature));
        Assert.False(LibCrypto.VerifyEd25519(key.PublicKey.Span, "massage"u8, signature));
    }

    [Fact]
    public async Task SignAsync_P256_VerifiesByItsSubjectPublicKeyInfo()
    {
        await using Token token = await hsm.OpenAsync();
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation);
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(key.SubjectPublicKeyInfo.Span, out _);

        // Often enough for halves of r and s that begin with a zero or with a high bit.
        for (int i = 0; i < 600; i++)
        {
            byte[] message = BitConverter.GetBytes(i);
            byte[] signature = await key.SignAsync(message, Cancellation);
            Assert.True(ecdsa.VerifyData(message, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        }

        Assert.Equal(KeyAlgorithm.EcdsaP256, key.Algorithm);
    }

    [Fact]
    public async Task SignAsync_EmptyMessage_IsSigned()
    {
        await using Token token = await hsm.OpenAsync();
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation);

        Assert.NotEmpty(await key.SignAsync(ReadOnlyMemory<byte>.Empty, Cancellation));
    }

    [Fact]
    public async Task SignAsync_MessageTooLong_Throws()
    {
        await using Token token = await hsm.OpenAsync();
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        await Assert.ThrowsAsync<ArgumentException>(() => key.SignAsync(new byte[TokenOptions.MessageBytesMax + 1], Cancellation).AsTask());
        Assert.NotEmpty(await key.SignAsync(new byte[TokenOptions.MessageBytesMax], Cancellation));
    }

    [Fact]
    public async Task SignAsync_Canceled_Throws()
    {
        await using Token token = await hsm.OpenAsync();
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => key.SignAsync("m"u8.ToArray(), new CancellationToken(true)).AsTask());
    }

    [Fact]
    public async Task SignAsync_ManyAtOnceWithBothKeys_AllVerify()
    {
        await using Token token = await hsm.OpenAsync(hsm.Options() with { Sessions = 8 });
        SigningKey ed25519 = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        SigningKey p256 = await token.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation);

        await Parallel.ForAsync(0, 500, Cancellation, async (i, cancellation) =>
        {
            SigningKey key = i % 2 == 0 ? ed25519 : p256;
            byte[] message = BitConverter.GetBytes(i);
            byte[] signature = await key.SignAsync(message, cancellation);
            Assert.True(key.EcPublicKey.Verify(message, signature, LibCrypto.VerifyEd25519));
        });

        Assert.Equal(TokenState.Ready, token.Status.State);
        Assert.InRange(token.Status.Sessions, 1, 8);
    }

    [Fact]
    public async Task SignAsync_Continuation_DoesNotRunOnTheThreadOfASession()
    {
        await using Token token = await hsm.OpenAsync(hsm.Options() with { Sessions = 1 });
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        for (int i = 0; i < 50; i++)
        {
            string? thread = await key.SignAsync("m"u8.ToArray(), Cancellation).AsTask().ContinueWith(
                _ => Thread.CurrentThread.Name, Cancellation, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            Assert.DoesNotContain("PKCS#11", thread ?? "", StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task SignAsync_AfterDispose_IsRefused()
    {
        Token token = await hsm.OpenAsync();
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        await token.DisposeAsync();
        await token.DisposeAsync();

        await Assert.ThrowsAsync<HsmUnavailableException>(() => key.SignAsync("m"u8.ToArray(), Cancellation).AsTask());
        await Assert.ThrowsAsync<HsmUnavailableException>(() => token.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation));
        Assert.Equal(TokenState.Closed, token.Status.State);
    }

    [Fact]
    public async Task OpenAsync_SameModuleTwice_SharesItsInitialisation()
    {
        await using Token first = await hsm.OpenAsync();
        SigningKey key = await first.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);

        // By another path: the name of the file that the first path links to.
        string target = File.ResolveLinkTarget(SoftHsm.Module, returnFinalTarget: true)?.FullName ?? SoftHsm.Module;
        Token second = await hsm.OpenAsync(hsm.Options(target) with { TokenLabel = SoftHsm.OtherLabel });
        await second.DisposeAsync();

        Assert.NotEmpty(await key.SignAsync("m"u8.ToArray(), Cancellation));
    }

    [Fact]
    public async Task OpenAsync_BySerialFromUri_FindsTheToken()
    {
        Pkcs11Uri uri = Pkcs11Uri.Parse(
            $"pkcs11:token={SoftHsm.Label};manufacturer=SoftHSM%20project;model=SoftHSM%20v2;object={SoftHsm.P256Label};type=private"
            + $"?module-path={SoftHsm.Module}&pin-source=file:{hsm.PinFile}");
        await using Token token = await hsm.OpenAsync(TokenOptions.FromUri(uri, LibCrypto.VerifyEd25519));

        SigningKey key = await token.GetSigningKeyAsync(uri, Cancellation);

        Assert.Equal(SoftHsm.P256Label, key.Label);
        Assert.Same(key, await token.GetSigningKeyAsync(SoftHsm.P256Label, Cancellation));
    }

    [Fact]
    public async Task GetSigningKeyAsync_AmbiguousLabel_Throws()
    {
        await using Token token = await hsm.OpenAsync();

        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(
            () => token.GetSigningKeyAsync(SoftHsm.TwinLabel, Cancellation));

        Assert.Equal("The PKCS#11 token 'seal' has more than one private key labelled 'twins'.", exception.Message);
    }

    [Fact]
    public async Task GetSigningKeyAsync_AmbiguousLabelWithId_FindsTheOne()
    {
        await using Token token = await hsm.OpenAsync();

        SigningKey first = await token.GetSigningKeyAsync(Pkcs11Uri.Parse("pkcs11:object=twins;id=%0A"), Cancellation);
        SigningKey second = await token.GetSigningKeyAsync(Pkcs11Uri.Parse("pkcs11:id=%0B"), Cancellation);

        Assert.Equal(SoftHsm.TwinLabel, second.Label);
        Assert.NotEqual(first.PublicKey.ToArray(), second.PublicKey.ToArray());
    }

    [Fact]
    public async Task GetSigningKeyAsync_NoSuchKey_NamesTokenAndKey()
    {
        await using Token token = await hsm.OpenAsync();

        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(() => token.GetSigningKeyAsync("nowhere", Cancellation));

        Assert.Equal("The PKCS#11 token 'seal' has no private key labelled 'nowhere'.", exception.Message);
    }

    [Fact]
    public async Task GetSigningKeyAsync_ImportedKey_IsNotFitForProduction()
    {
        await using Token token = await hsm.OpenAsync(hsm.Options() with { RequireHardwareOrigin = true });

        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(
            () => token.GetSigningKeyAsync(SoftHsm.ImportedLabel, Cancellation));

        Assert.Contains("CKA_LOCAL", exception.Message, StringComparison.Ordinal);
        Assert.NotNull(await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation));
    }

    [Fact]
    public async Task GetSigningKeyAsync_NoPublicKey_Throws()
    {
        await using Token token = await hsm.OpenAsync();

        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(
            () => token.GetSigningKeyAsync(SoftHsm.ImportedLabel, Cancellation));

        Assert.Contains("no public key", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetSigningKeyAsync_SignatureDoesNotVerify_Throws()
    {
        await using Token token = await hsm.OpenAsync(hsm.Options() with { Ed25519Verifier = (_, _, _) => false });

        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(
            () => token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation));

        Assert.Contains("does not belong", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_WrongPin_SaysSoWithoutThePin()
    {
        hsm.RequireInstalled();
        string pinFile = hsm.WriteFile("wrong-pin", "1234-is-wrong\n");
        TokenOptions options = hsm.Options() with { PinFile = pinFile };

        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(() => hsm.OpenAsync(options));

        Assert.Equal(0xA0UL, exception.ReturnValue);
        Assert.Contains("CKR_PIN_INCORRECT", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("1234", exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nowhere/module.so", "There is no PKCS#11 module at '/nowhere/module.so'.")]
    [InlineData("/lib/x86_64-linux-gnu/libm.so.6", "does not export C_GetFunctionList")]
    [InlineData("/etc/hostname", "can't be loaded")]
    public async Task OpenAsync_NoModule_SaysWhatIsThere(string path, string message)
    {
        hsm.RequireInstalled();
        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(() => hsm.OpenAsync(hsm.Options(path)));

        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAsync_NoSuchToken_NamesIt()
    {
        hsm.RequireInstalled();
        var exception = await Assert.ThrowsAsync<HsmConfigurationException>(
            () => hsm.OpenAsync(hsm.Options() with { TokenLabel = "nowhere" }));

        Assert.Contains("has no PKCS#11 token 'nowhere'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_CountByOutcomeAndEndWithTheToken()
    {
        var counted = new List<(string Token, string Outcome)>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "seal.hsm.signatures")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) => counted.Add((Tag(tags, "token"), Tag(tags, "outcome"))));
        listener.Start();

        await using Token token = await hsm.OpenAsync();
        SigningKey key = await token.GetSigningKeyAsync(SoftHsm.Ed25519Label, Cancellation);
        await key.SignAsync("m"u8.ToArray(), Cancellation);

        Assert.Equal([("seal", "signed")], counted);
    }

    private static string Tag(ReadOnlySpan<KeyValuePair<string, object?>> tags, string name)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key == name)
            {
                return (string)tag.Value!;
            }
        }

        return "";
    }
}
