using SealService.Merkle;

namespace SealService.Ledger.Sequencing;

/// <summary>Makes and checks the ledger's signed checkpoints: its origin, its key, and the way to its signatures.</summary>
internal sealed class CheckpointAuthority(string origin, VerifierKey key, CheckpointSigner sign, TimeSpan timeout, TimeProvider time)
{
    private readonly VerifierKey[] _keys = [key];

    public string Origin => origin;

    /// <summary>Signs a head and verifies what the signer gave.</summary>
    /// <exception cref="NotSealedException">There is no valid signature.</exception>
    public async ValueTask<byte[]> SignAsync(long treeSize, MerkleHash rootHash)
    {
        byte[] text = new Checkpoint(origin, treeSize, rootHash).Format();
        byte[] signature = await SignTextAsync(text);
        NoteSignature line;
        try
        {
            line = key.CreateSignature(signature);
        }
        catch (ArgumentException exception)
        {
            throw SigningFailed("The signer gave something that is no signature of the ledger's key.", exception);
        }

        // Nothing has been persisted or shown to anybody, so a bad signature leaves no doubt about the ledger's state.
        return key.Verify(text, line.Signature.Span)
            ? SignedNote.Format(text, line)
            : throw SigningFailed("The signer gave a signature that does not verify with the ledger's key.");
    }

    /// <summary>Opens a stored note: verifies it and checks whose it is. False, and why, when it is not this ledger's.</summary>
    public bool TryOpen(ReadOnlyMemory<byte> note, out Checkpoint checkpoint, out string error)
    {
        if (!Checkpoint.TryOpen(note, _keys, out Checkpoint? opened, out string? why))
        {
            checkpoint = null!;
            error = why;
            return false;
        }

        checkpoint = opened;
        error = string.Equals(opened.Origin, origin, StringComparison.Ordinal) ? "" : $"its origin is {opened.Origin}, not {origin}";
        return error.Length == 0;
    }

    /// <summary>No damage, but another configuration.</summary>
    public LedgerException AnotherKey(string checkpoint, string error) =>
        new($"{checkpoint} is not by the configured key of {origin}: {error}. Nothing was changed.");

    private async ValueTask<byte[]> SignTextAsync(byte[] text)
    {
        using CancellationTokenSource deadline = new(timeout, time);
        try
        {
            // The signer may not heed the token: a thread that hangs in a driver can't be called back.
            return await sign(text, deadline.Token).AsTask().WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException exception) when (deadline.IsCancellationRequested)
        {
            throw SigningFailed($"No signature within {timeout}.", exception);
        }
#pragma warning disable CA1031 // whatever the signer throws, the batch is not signed
        catch (Exception exception)
        {
            throw SigningFailed($"The checkpoint could not be signed: {exception.Message}", exception);
        }
#pragma warning restore CA1031
    }

    private static NotSealedException SigningFailed(string message, Exception? cause = null) =>
        new(LedgerError.SigningFailed, message, cause);
}
