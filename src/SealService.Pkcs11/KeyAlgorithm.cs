namespace SealService.Pkcs11;

/// <summary>What a signing key signs with; the key decides, not the caller.</summary>
public enum KeyAlgorithm
{
    /// <summary>Pure Ed25519 (RFC 8032) by <c>CKM_EDDSA</c>. Signatures are 64 bytes, R || S.</summary>
    Ed25519 = 1,

    /// <summary>ECDSA on P-256 over SHA-256 by <c>CKM_ECDSA</c>. Signatures are a DER <c>SEQUENCE</c> of r and s.</summary>
    EcdsaP256 = 2,
}
