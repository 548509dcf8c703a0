using Microsoft.Extensions.Logging;

namespace SealService.Pkcs11;

/// <summary>A PKCS#11 token that is logged in and signs: its module, its sessions, its keys, and their recovery.</summary>
public sealed class Token : IAsyncDisposable
{
    /// <summary>Whether it signs, and how busy it is.</summary>
    public TokenStatus Status => throw new NotSupportedException();

    /// <summary>Loads the module, finds the token and logs in.</summary>
    /// <exception cref="HsmConfigurationException">The module, the token or the PIN is not there or not fit.</exception>
    /// <exception cref="HsmUnavailableException">The token does not answer.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor macOS, or not 64-bit.</exception>
    public static Task<Token> OpenAsync(
        TokenOptions options, TimeProvider timeProvider, ILoggerFactory loggerFactory, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>Finds the one private key with a label, checks its attributes, and verifies a first signature of it.</summary>
    /// <exception cref="HsmConfigurationException">There is no such key, more than one, or one that is not fit to sign.</exception>
    /// <exception cref="HsmUnavailableException">The token can't be reached now.</exception>
    public ValueTask<SigningKey> GetSigningKeyAsync(string label, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Refuses what is queued, waits for calls in flight, logs out by closing all sessions, and releases the module.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException();
}
