using System.Globalization;

namespace SealService.Pkcs11;

/// <summary>Verifies an Ed25519 signature (RFC 8032).</summary>
/// <param name="publicKey">32 bytes.</param>
/// <param name="message">The signed bytes.</param>
/// <param name="signature">64 bytes, R || S.</param>
public delegate bool Ed25519Verifier(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature);

/// <summary>
/// Which token, how to log in, and every limit that holds for it. At least one of <see cref="TokenLabel"/>, <see cref="TokenSerial"/> and
/// <see cref="SlotId"/> is given; all that is given must match, and one token only.
/// </summary>
public sealed record TokenOptions
{
    /// <summary>The most sessions that may be configured. About 30 is where network HSMs are fastest.</summary>
    public const int SessionsMax = 256;

    /// <summary>The longest queue that may be configured.</summary>
    public const int QueuedRequestsMax = 65_536;

    /// <summary>The longest message that is signed: HSMs take a message of a single-part operation in one piece.</summary>
    public const int MessageBytesMax = 65_536;

    /// <summary>The shortest duration that may be configured.</summary>
    public static readonly TimeSpan DurationMin = TimeSpan.FromMilliseconds(1);

    /// <summary>The longest duration that may be configured.</summary>
    public static readonly TimeSpan DurationMax = TimeSpan.FromHours(1);

    /// <summary>The path of the PKCS#11 module, a shared library.</summary>
    public required string ModulePath { get; init; }

    /// <summary>The file that holds the user PIN; its mode must give nothing to group and others.</summary>
    public required string PinFile { get; init; }

    /// <summary>
    /// Verifies the signature that each Ed25519 key makes whenever it is found. P-256 is verified by .NET itself.
    /// </summary>
    public required Ed25519Verifier Ed25519Verifier { get; init; }

    /// <summary>The token's label (<c>CK_TOKEN_INFO.label</c>, without its padding).</summary>
    public string? TokenLabel { get; init; }

    /// <summary>The token's serial number (<c>CK_TOKEN_INFO.serialNumber</c>, without its padding).</summary>
    public string? TokenSerial { get; init; }

    /// <summary>The token's manufacturer (<c>CK_TOKEN_INFO.manufacturerID</c>, without its padding).</summary>
    public string? TokenManufacturer { get; init; }

    /// <summary>The token's model (<c>CK_TOKEN_INFO.model</c>, without its padding).</summary>
    public string? TokenModel { get; init; }

    /// <summary>The slot's id. Only for modules that never renumber their slots: SoftHSM does.</summary>
    public ulong? SlotId { get; init; }

    /// <summary>Sessions that sign, each on a thread of its own; less when the token allows less.</summary>
    public int Sessions { get; init; } = 4;

    /// <summary>Requests that may wait for a session; one more is refused with <see cref="HsmBusyException"/>.</summary>
    public int QueuedRequests { get; init; } = 1024;

    /// <summary>How long a caller waits for a signature, queue included.</summary>
    public TimeSpan SignTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The least time between two C_Finalize + C_Initialize of the module.</summary>
    public TimeSpan ReinitializeInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The time between two attempts to reconnect while the breaker is open.</summary>
    public TimeSpan ReconnectInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long C_Finalize waits for calls in flight; when they do not return, the module is not re-initialised.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The time between two checks of the anchor session, which also keep an idle connection alive.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a session rests after the token ran out of memory or sessions.</summary>
    public TimeSpan ShrinkInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Production: demand that each key was made in the token and never left it (LOCAL, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE).
    /// </summary>
    public bool RequireHardwareOrigin { get; init; }

    /// <summary>The token in a sentence, behind "the".</summary>
    internal string TokenName =>
        TokenLabel is not null ? $"PKCS#11 token '{TokenLabel}'"
        : TokenSerial is not null ? $"PKCS#11 token with serial number '{TokenSerial}'"
        : string.Create(CultureInfo.InvariantCulture, $"PKCS#11 token in slot {SlotId}");

    /// <summary>Options from a URI that names module, PIN file and token; the rest are defaults.</summary>
    /// <exception cref="HsmConfigurationException">The URI lacks one of them.</exception>
    public static TokenOptions FromUri(Pkcs11Uri uri, Ed25519Verifier ed25519Verifier)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (uri.Token is null && uri.Serial is null && uri.SlotId is null)
        {
            throw new HsmConfigurationException("The PKCS#11 URI names no token: give it 'token', 'serial' or 'slot-id'.");
        }

        return new TokenOptions
        {
            ModulePath = uri.ModulePath ?? throw new HsmConfigurationException("The PKCS#11 URI lacks the 'module-path'."),
            PinFile = uri.PinFile ?? throw new HsmConfigurationException("The PKCS#11 URI lacks the 'pin-source'."),
            Ed25519Verifier = ed25519Verifier,
            TokenLabel = uri.Token,
            TokenSerial = uri.Serial,
            TokenManufacturer = uri.Manufacturer,
            TokenModel = uri.Model,
            SlotId = uri.SlotId,
        };
    }

    /// <exception cref="HsmConfigurationException">An option is missing or out of its range.</exception>
    internal void Validate()
    {
        if (string.IsNullOrEmpty(ModulePath) || string.IsNullOrEmpty(PinFile) || Ed25519Verifier is null)
        {
            throw new HsmConfigurationException(
                $"The options {nameof(ModulePath)}, {nameof(PinFile)} and {nameof(Ed25519Verifier)} of a PKCS#11 token are needed.");
        }

        if (TokenLabel is null && TokenSerial is null && SlotId is null)
        {
            throw new HsmConfigurationException(
                $"One of the options {nameof(TokenLabel)}, {nameof(TokenSerial)} and {nameof(SlotId)} of a PKCS#11 token is needed.");
        }

        CheckRange(Sessions, 1, SessionsMax, nameof(Sessions));
        CheckRange(QueuedRequests, 1, QueuedRequestsMax, nameof(QueuedRequests));
        CheckRange(SignTimeout, DurationMin, DurationMax, nameof(SignTimeout));
        CheckRange(ReinitializeInterval, DurationMin, DurationMax, nameof(ReinitializeInterval));
        CheckRange(ReconnectInterval, DurationMin, DurationMax, nameof(ReconnectInterval));
        CheckRange(DrainTimeout, DurationMin, DurationMax, nameof(DrainTimeout));
        CheckRange(HeartbeatInterval, DurationMin, DurationMax, nameof(HeartbeatInterval));
        CheckRange(ShrinkInterval, DurationMin, DurationMax, nameof(ShrinkInterval));
    }

    private static void CheckRange<T>(T value, T min, T max, string name)
        where T : IComparable<T>
    {
        if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
        {
            throw new HsmConfigurationException($"The option {name} of a PKCS#11 token is {value}; it must be from {min} to {max}.");
        }
    }
}
