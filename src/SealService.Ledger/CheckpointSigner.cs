namespace SealService.Ledger;

/// <summary>
/// Signs the text of a checkpoint with the ledger's key and returns the raw signature: 64 bytes for Ed25519, DER for ECDSA.
/// May throw; the batch is then failed as not sealed. It is called by one batch at a time; a call
/// that outlasts <see cref="LedgerOptions.SigningTimeout"/> is given up, and the next may begin beside it.
/// </summary>
public delegate ValueTask<byte[]> CheckpointSigner(ReadOnlyMemory<byte> noteText, CancellationToken cancellationToken);
