namespace SealService.Pkcs11;

/// <summary>
/// One signature that is asked for. Completed by whoever is first: the session's thread, or the caller that waits no longer. Not pooled:
/// the fastest HSMs make some thousand signatures a second, and a signature costs 800 bytes in all (Ed25519, 7,900 a second on SoftHSM).
/// </summary>
/// <param name="key">The key.</param>
/// <param name="data">
/// What the mechanism takes, the message or its digest: a copy, because the caller may give up while the HSM still reads it.
/// </param>
internal sealed class SignRequest(SigningKey key, byte[] data)
    : TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously) // never on the thread of a session
{
    public SigningKey Key { get; } = key;

    public ReadOnlySpan<byte> Data => data;

    /// <summary>Nobody waits for it any more.</summary>
    public bool IsCompleted => Task.IsCompleted;
}
