using System.Runtime.InteropServices;

// The parts of pkcs11t.h (PKCS#11 2.40 and 3.1) that are used here, names verbatim. CK_ULONG is C's unsigned long: on 64-bit Linux and
// macOS as wide as nuint. Structs have C's natural alignment there; Windows packs them to one byte and has a 4-byte CK_ULONG, which is why
// Token refuses it.
namespace SealService.Pkcs11.Interop;

/// <summary>CK_RV: what every PKCS#11 function returns.</summary>
internal enum CKR : ulong
{
    OK = 0x00,
    HOST_MEMORY = 0x02,
    SLOT_ID_INVALID = 0x03,
    GENERAL_ERROR = 0x05,
    FUNCTION_FAILED = 0x06,
    ARGUMENTS_BAD = 0x07,
    CANT_LOCK = 0x0A,
    ATTRIBUTE_SENSITIVE = 0x11,
    ATTRIBUTE_TYPE_INVALID = 0x12,
    DATA_INVALID = 0x20,
    DATA_LEN_RANGE = 0x21,
    DEVICE_ERROR = 0x30,
    DEVICE_MEMORY = 0x31,
    DEVICE_REMOVED = 0x32,
    FUNCTION_CANCELED = 0x50,
    FUNCTION_NOT_SUPPORTED = 0x54,
    KEY_HANDLE_INVALID = 0x60,
    KEY_SIZE_RANGE = 0x62,
    KEY_TYPE_INCONSISTENT = 0x63,
    KEY_FUNCTION_NOT_PERMITTED = 0x68,
    MECHANISM_INVALID = 0x70,
    MECHANISM_PARAM_INVALID = 0x71,
    OBJECT_HANDLE_INVALID = 0x82,
    OPERATION_ACTIVE = 0x90,
    OPERATION_NOT_INITIALIZED = 0x91,
    PIN_INCORRECT = 0xA0,
    PIN_INVALID = 0xA1,
    PIN_LEN_RANGE = 0xA2,
    PIN_EXPIRED = 0xA3,
    PIN_LOCKED = 0xA4,
    SESSION_CLOSED = 0xB0,
    SESSION_COUNT = 0xB1,
    SESSION_HANDLE_INVALID = 0xB3,
    TOKEN_NOT_PRESENT = 0xE0,
    TOKEN_NOT_RECOGNIZED = 0xE1,
    USER_ALREADY_LOGGED_IN = 0x100,
    USER_NOT_LOGGED_IN = 0x101,
    USER_PIN_NOT_INITIALIZED = 0x102,
    BUFFER_TOO_SMALL = 0x150,
    CRYPTOKI_NOT_INITIALIZED = 0x190,
    CRYPTOKI_ALREADY_INITIALIZED = 0x191,
    FUNCTION_REJECTED = 0x200,
    VENDOR_DEFINED = 0x8000_0000,
}

/// <summary>CK_ATTRIBUTE_TYPE.</summary>
internal enum CKA : ulong
{
    CLASS = 0x00,
    LABEL = 0x03,
    KEY_TYPE = 0x100,
    ID = 0x102,
    SIGN = 0x108,
    PUBLIC_KEY_INFO = 0x129,
    LOCAL = 0x163,
    NEVER_EXTRACTABLE = 0x164,
    ALWAYS_SENSITIVE = 0x165,
    EC_PARAMS = 0x180,
    EC_POINT = 0x181,
    ALWAYS_AUTHENTICATE = 0x202,
}

/// <summary>CK_OBJECT_CLASS.</summary>
internal enum CKO : ulong
{
    PUBLIC_KEY = 0x02,
    PRIVATE_KEY = 0x03,
}

/// <summary>CK_KEY_TYPE.</summary>
internal enum CKK : ulong
{
    EC = 0x03,
    EC_EDWARDS = 0x40,
}

/// <summary>CK_MECHANISM_TYPE.</summary>
internal enum CKM : ulong
{
    ECDSA = 0x1041,
    EDDSA = 0x1057,
}

internal static class Pkcs11T
{
    public const nuint CKF_OS_LOCKING_OK = 0x02;
    public const nuint CKF_SERIAL_SESSION = 0x04;
    public const nuint CKU_USER = 1;
    public const nuint CKS_RO_USER_FUNCTIONS = 1;
    public const nuint CKS_RW_USER_FUNCTIONS = 3;
    public const nuint CK_EFFECTIVELY_INFINITE = 0;

    public static nuint CK_UNAVAILABLE_INFORMATION => nuint.MaxValue;
}

// CS0649: the module writes these fields, C# only reads them.
#pragma warning disable CS0649

[StructLayout(LayoutKind.Sequential)]
internal struct CK_VERSION
{
    public byte major;
    public byte minor;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CK_C_INITIALIZE_ARGS
{
    public void* CreateMutex;
    public void* DestroyMutex;
    public void* LockMutex;
    public void* UnlockMutex;
    public nuint flags;
    public void* pReserved;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CK_TOKEN_INFO
{
    public fixed byte label[32];
    public fixed byte manufacturerID[32];
    public fixed byte model[16];
    public fixed byte serialNumber[16];
    public nuint flags;
    public nuint ulMaxSessionCount;
    public nuint ulSessionCount;
    public nuint ulMaxRwSessionCount;
    public nuint ulRwSessionCount;
    public nuint ulMaxPinLen;
    public nuint ulMinPinLen;
    public nuint ulTotalPublicMemory;
    public nuint ulFreePublicMemory;
    public nuint ulTotalPrivateMemory;
    public nuint ulFreePrivateMemory;
    public CK_VERSION hardwareVersion;
    public CK_VERSION firmwareVersion;
    public fixed byte utcTime[16];
}

[StructLayout(LayoutKind.Sequential)]
internal struct CK_SESSION_INFO
{
    public nuint slotID;
    public nuint state;
    public nuint flags;
    public nuint ulDeviceError;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CK_MECHANISM
{
    public CKM mechanism;
    public void* pParameter;
    public nuint ulParameterLen;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CK_ATTRIBUTE
{
    public CKA type;
    public void* pValue;
    public nuint ulValueLen;
}
