using System.Runtime.InteropServices;

namespace SealService.Pkcs11.Interop;

// CS0649: the module writes these fields, C# only reads them.
#pragma warning disable CS0649

/// <summary>
/// CK_FUNCTION_LIST of pkcs11f.h up to C_Sign, in its order; nothing behind it is called. The ones that are called have their signature,
/// the others only their place.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CK_FUNCTION_LIST
{
    public CK_VERSION version;
    public delegate* unmanaged[Cdecl]<CK_C_INITIALIZE_ARGS*, CKR> C_Initialize;
    public delegate* unmanaged[Cdecl]<void*, CKR> C_Finalize;
    public void* C_GetInfo;
    public void* C_GetFunctionList;
    public delegate* unmanaged[Cdecl]<byte, nuint*, nuint*, CKR> C_GetSlotList;
    public void* C_GetSlotInfo;
    public delegate* unmanaged[Cdecl]<nuint, CK_TOKEN_INFO*, CKR> C_GetTokenInfo;
    public void* C_GetMechanismList;
    public void* C_GetMechanismInfo;
    public void* C_InitToken;
    public void* C_InitPIN;
    public void* C_SetPIN;
    public delegate* unmanaged[Cdecl]<nuint, nuint, void*, void*, nuint*, CKR> C_OpenSession;
    public delegate* unmanaged[Cdecl]<nuint, CKR> C_CloseSession;
    public void* C_CloseAllSessions;
    public delegate* unmanaged[Cdecl]<nuint, CK_SESSION_INFO*, CKR> C_GetSessionInfo;
    public void* C_GetOperationState;
    public void* C_SetOperationState;
    public delegate* unmanaged[Cdecl]<nuint, nuint, byte*, nuint, CKR> C_Login;
    public void* C_Logout;
    public void* C_CreateObject;
    public void* C_CopyObject;
    public void* C_DestroyObject;
    public void* C_GetObjectSize;
    public delegate* unmanaged[Cdecl]<nuint, nuint, CK_ATTRIBUTE*, nuint, CKR> C_GetAttributeValue;
    public void* C_SetAttributeValue;
    public delegate* unmanaged[Cdecl]<nuint, CK_ATTRIBUTE*, nuint, CKR> C_FindObjectsInit;
    public delegate* unmanaged[Cdecl]<nuint, nuint*, nuint, nuint*, CKR> C_FindObjects;
    public delegate* unmanaged[Cdecl]<nuint, CKR> C_FindObjectsFinal;
    public void* C_EncryptInit;
    public void* C_Encrypt;
    public void* C_EncryptUpdate;
    public void* C_EncryptFinal;
    public void* C_DecryptInit;
    public void* C_Decrypt;
    public void* C_DecryptUpdate;
    public void* C_DecryptFinal;
    public void* C_DigestInit;
    public void* C_Digest;
    public void* C_DigestUpdate;
    public void* C_DigestKey;
    public void* C_DigestFinal;
    public delegate* unmanaged[Cdecl]<nuint, CK_MECHANISM*, nuint, CKR> C_SignInit;
    public delegate* unmanaged[Cdecl]<nuint, byte*, nuint, byte*, nuint*, CKR> C_Sign;
}
