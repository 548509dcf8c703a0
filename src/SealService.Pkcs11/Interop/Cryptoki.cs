namespace SealService.Pkcs11.Interop;

/// <summary>
/// The functions of one loaded module with spans for pointers. Nothing is decided here: every return value goes to the caller, and no
/// call suppresses the GC transition, because each of them may block on a network.
/// </summary>
internal sealed unsafe class Cryptoki(CK_FUNCTION_LIST* functions)
{
    public CKR Initialize()
    {
        var arguments = new CK_C_INITIALIZE_ARGS { flags = Pkcs11T.CKF_OS_LOCKING_OK };
        return functions->C_Initialize(&arguments);
    }

    public CKR FinalizeModule() => functions->C_Finalize(null);

    /// <summary>Writes up to <paramref name="slots"/>' length; CKR_BUFFER_TOO_SMALL when there are more slots with a token.</summary>
    public CKR GetSlotList(Span<nuint> slots, out int count)
    {
        nuint slotCount = (nuint)slots.Length;
        fixed (nuint* pointer = slots)
        {
            CKR rv = functions->C_GetSlotList(1, pointer, &slotCount);
            count = rv == CKR.OK ? checked((int)slotCount) : 0;
            return rv;
        }
    }

    public CKR GetTokenInfo(nuint slot, out CK_TOKEN_INFO info)
    {
        fixed (CK_TOKEN_INFO* pointer = &info)
        {
            *pointer = default;
            return functions->C_GetTokenInfo(slot, pointer);
        }
    }

    /// <summary>Opens a read-only session.</summary>
    public CKR OpenSession(nuint slot, out nuint session)
    {
        nuint opened = 0;
        CKR rv = functions->C_OpenSession(slot, Pkcs11T.CKF_SERIAL_SESSION, null, null, &opened);
        session = opened;
        return rv;
    }

    public CKR CloseSession(nuint session) => functions->C_CloseSession(session);

    public CKR GetSessionInfo(nuint session, out CK_SESSION_INFO info)
    {
        fixed (CK_SESSION_INFO* pointer = &info)
        {
            *pointer = default;
            return functions->C_GetSessionInfo(session, pointer);
        }
    }

    public CKR Login(nuint session, ReadOnlySpan<byte> pin)
    {
        fixed (byte* pointer = pin)
        {
            return functions->C_Login(session, Pkcs11T.CKU_USER, pointer, (nuint)pin.Length);
        }
    }

    public CKR FindObjectsInit(nuint session, ReadOnlySpan<CK_ATTRIBUTE> template)
    {
        fixed (CK_ATTRIBUTE* pointer = template)
        {
            return functions->C_FindObjectsInit(session, pointer, (nuint)template.Length);
        }
    }

    public CKR FindObjects(nuint session, Span<nuint> objects, out int count)
    {
        nuint found = 0;
        fixed (nuint* pointer = objects)
        {
            CKR rv = functions->C_FindObjects(session, pointer, (nuint)objects.Length, &found);
            count = rv == CKR.OK ? checked((int)found) : 0;
            return rv;
        }
    }

    public CKR FindObjectsFinal(nuint session) => functions->C_FindObjectsFinal(session);

    /// <summary>
    /// Writes one attribute's value; <paramref name="length"/> is its length. CKR_BUFFER_TOO_SMALL when it is longer than the buffer.
    /// </summary>
    public CKR GetAttributeValue(nuint session, nuint @object, CKA type, Span<byte> value, out int length)
    {
        fixed (byte* pointer = value)
        {
            var attribute = new CK_ATTRIBUTE { type = type, pValue = pointer, ulValueLen = (nuint)value.Length };
            CKR rv = functions->C_GetAttributeValue(session, @object, &attribute, 1);
            length = rv == CKR.OK ? checked((int)attribute.ulValueLen) : 0;
            return rv;
        }
    }

    /// <summary>Begins a signature with a mechanism that has no parameter.</summary>
    public CKR SignInit(nuint session, CKM mechanism, nuint key)
    {
        var parameterless = new CK_MECHANISM { mechanism = mechanism };
        return functions->C_SignInit(session, &parameterless, key);
    }

    public CKR Sign(nuint session, ReadOnlySpan<byte> data, Span<byte> signature, out int length)
    {
        nuint written = (nuint)signature.Length;
        fixed (byte* dataPointer = data, signaturePointer = signature)
        {
            CKR rv = functions->C_Sign(session, dataPointer, (nuint)data.Length, signaturePointer, &written);
            length = rv == CKR.OK ? checked((int)written) : 0;
            return rv;
        }
    }
}
