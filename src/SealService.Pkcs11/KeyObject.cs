using System.Text;
using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>Which private key: by label, by id, or by both.</summary>
internal readonly record struct KeySelector(string? Label, string? IdHex)
{
    public override string ToString() => (Label, IdHex) switch
    {
        (not null, not null) => $"labelled '{Label}' with id {IdHex}",
        (not null, null) => $"labelled '{Label}'",
        _ => $"with id {IdHex}",
    };
}

/// <summary>A private key as it was found in a token: one that may sign.</summary>
/// <param name="Handle">In the connection that it was found in.</param>
/// <param name="Label">CKA_LABEL.</param>
/// <param name="PublicKey">The public key that belongs to it.</param>
internal sealed record KeyObject(nuint Handle, string Label, EcPublicKey PublicKey)
{
    private const int AttributeBytesMax = 4096;

    /// <summary>Finds the one private key that matches, and its public key. Under the lock of the connector, in a call scope.</summary>
    /// <exception cref="HsmConfigurationException">None or several match; or it may not sign, or is not fit for production.</exception>
    public static KeyObject Find(Connection connection, KeySelector selector, TokenOptions options)
    {
        byte[]? id = selector.IdHex is null ? null : Convert.FromHexString(selector.IdHex);
        nuint handle = FindSingle(connection, CKO.PRIVATE_KEY, selector.Label, id) switch
        {
            (0, _) => throw new HsmConfigurationException($"The {options.TokenName} has no private key {selector}."),
            ( > 1, _) => throw new HsmConfigurationException($"The {options.TokenName} has more than one private key {selector}."),
            (_, nuint single) => single,
        };

        var key = new Attributes(connection, handle);
        string label = selector.Label ?? Encoding.UTF8.GetString(key.Read(CKA.LABEL) ?? []);
        id ??= key.Read(CKA.ID);
        CheckUsage(key, selector, options);
        EcPublicKey publicKey = FindPublicKey(connection, key, label, id)
            ?? throw new HsmConfigurationException(
                $"The {options.TokenName} has no public key for its private key {selector}, or not one that is Ed25519 or P-256.");
        return new KeyObject(handle, label, publicKey);
    }

    private static void CheckUsage(Attributes key, KeySelector selector, TokenOptions options)
    {
        if (!key.IsTrue(CKA.SIGN))
        {
            throw new HsmConfigurationException($"The private key {selector} in the {options.TokenName} may not sign (CKA_SIGN).");
        }

        if (key.IsTrue(CKA.ALWAYS_AUTHENTICATE))
        {
            throw new HsmConfigurationException(
                $"The private key {selector} in the {options.TokenName} wants the PIN for each signature (CKA_ALWAYS_AUTHENTICATE).");
        }

        if (!options.RequireHardwareOrigin)
        {
            return;
        }

        foreach (CKA required in (ReadOnlySpan<CKA>)[CKA.LOCAL, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE])
        {
            if (!key.IsTrue(required))
            {
                throw new HsmConfigurationException(
                    $"The private key {selector} in the {options.TokenName} was not made there or may have left it (CKA_{required}).");
            }
        }
    }

    /// <summary>The public key object with the same id, else with the same label; else what the private key says of it.</summary>
    private static EcPublicKey? FindPublicKey(Connection connection, Attributes privateKey, string label, byte[]? id)
    {
        (int count, nuint handle) = id is { Length: > 0 } ? FindSingle(connection, CKO.PUBLIC_KEY, null, id) : (0, 0);
        if (count != 1)
        {
            (count, handle) = FindSingle(connection, CKO.PUBLIC_KEY, label, null);
        }

        if (count == 1)
        {
            var publicKey = new Attributes(connection, handle);
            return EcPublicKey.TryRead(publicKey.Read(CKA.EC_PARAMS), publicKey.Read(CKA.EC_POINT));
        }

        return EcPublicKey.TryReadSubjectPublicKeyInfo(privateKey.Read(CKA.PUBLIC_KEY_INFO))
            ?? EcPublicKey.TryRead(privateKey.Read(CKA.EC_PARAMS), privateKey.Read(CKA.EC_POINT));
    }

    /// <summary>How many objects match (2 for several) and the first of them.</summary>
    private static unsafe (int Count, nuint Handle) FindSingle(Connection connection, CKO @class, string? label, byte[]? id)
    {
        Cryptoki cryptoki = connection.Module.Cryptoki;
        byte[] labelBytes = label is null ? [] : Encoding.UTF8.GetBytes(label);
        Span<CK_ATTRIBUTE> template = stackalloc CK_ATTRIBUTE[3];
        Span<nuint> handles = stackalloc nuint[2];
        fixed (byte* labelPointer = labelBytes, idPointer = id)
        {
            int used = 0;
            template[used++] = new CK_ATTRIBUTE { type = CKA.CLASS, pValue = &@class, ulValueLen = sizeof(CKO) };
            if (label is not null)
            {
                template[used++] = new CK_ATTRIBUTE { type = CKA.LABEL, pValue = labelPointer, ulValueLen = (nuint)labelBytes.Length };
            }

            if (id is not null)
            {
                template[used++] = new CK_ATTRIBUTE { type = CKA.ID, pValue = idPointer, ulValueLen = (nuint)id.Length };
            }

            connection.ThrowIfFailed(cryptoki.FindObjectsInit(connection.Anchor, template[..used]), "C_FindObjectsInit");
        }

        // Modules may return fewer objects than asked for while there are more; only none means the end.
        int found = 0;
        CKR returnValue;
        do
        {
            returnValue = cryptoki.FindObjects(connection.Anchor, handles[found..], out int count);
            if (returnValue != CKR.OK || count == 0)
            {
                break;
            }

            found += count;
        }
        while (found < handles.Length);

        // The search is ended in any case, or the anchor would be of no use any more.
        CKR finalReturnValue = cryptoki.FindObjectsFinal(connection.Anchor);
        connection.ThrowIfFailed(returnValue, "C_FindObjects");
        connection.ThrowIfFailed(finalReturnValue, "C_FindObjectsFinal");
        return (found, handles[0]);
    }

    /// <summary>The attributes of one object.</summary>
    private readonly struct Attributes(Connection connection, nuint @object)
    {
        /// <summary>The value; null when the object has no such attribute.</summary>
        public byte[]? Read(CKA type)
        {
            Span<byte> buffer = stackalloc byte[AttributeBytesMax];
            CKR returnValue = connection.Module.Cryptoki.GetAttributeValue(connection.Anchor, @object, type, buffer, out int length);
            if (returnValue is CKR.ATTRIBUTE_TYPE_INVALID or CKR.ATTRIBUTE_SENSITIVE)
            {
                return null;
            }

            connection.ThrowIfFailed(returnValue, "C_GetAttributeValue");
            return buffer[..length].ToArray();
        }

        public bool IsTrue(CKA type) => Read(type) is [not 0];
    }
}
