using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>What came of an attempt to re-initialise a module.</summary>
internal enum Reinitialization
{
    Done,

    /// <summary>Another token did it since the failure.</summary>
    DoneByAnother,

    /// <summary>The interval since the last attempt is not over.</summary>
    TooSoon,

    /// <summary>Calls did not return in time, and the module must not be finalized under them.</summary>
    CallsInFlight,

    /// <summary>C_Initialize failed.</summary>
    Failed,
}

/// <summary>
/// One PKCS#11 module of this process, initialised once and shared by all tokens that name it, by whatever path. Libraries are
/// never unloaded: SoftHSM and others crash when they are.
/// </summary>
/// <remarks>
/// Every call into the module happens inside a <see cref="CallScope"/>, on one thread from begin to end. C_Finalize waits until
/// all of them are over: modules crash when it does not.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Modules live as long as the process.")]
internal sealed class Module
{
    private static readonly Lock RegistryLock = new();
    private static readonly Dictionary<nint, Module> Registry = []; // guarded by RegistryLock; key: the function list's address

    private readonly string _path;
    private readonly TimeProvider _timeProvider;
    private readonly ReaderWriterLockSlim _calls = new(LockRecursionPolicy.NoRecursion); // read: a call is in flight; write: none is
    private readonly Lock _reinitializeLock = new();
    private int _references; // guarded by RegistryLock
    private bool _initializedHere; // guarded by _calls; false: someone else in this process did it, and we never finalize
    private long _generation; // written inside _calls for writing
    private long? _reinitializedAt; // guarded by _reinitializeLock; when it was last tried

    private Module(string path, Cryptoki cryptoki, TimeProvider timeProvider)
    {
        _path = path;
        Cryptoki = cryptoki;
        _timeProvider = timeProvider;
    }

    /// <summary>Where structures have the layout that the interop code gives them.</summary>
    [UnsupportedOSPlatformGuard("windows")]
    public static bool IsSupportedHere => (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()) && Environment.Is64BitProcess;

    /// <summary>The module's functions; only inside a <see cref="CallScope"/>.</summary>
    public Cryptoki Cryptoki { get; }

    /// <summary>
    /// Counts initialisations. Handles are of one generation: in the next one the same number may denote another session or another key.
    /// </summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>Loads and initialises the module, or takes one more reference to it. <see cref="Release"/> must follow.</summary>
    /// <exception cref="HsmConfigurationException">There is no PKCS#11 module at the path.</exception>
    /// <exception cref="HsmUnavailableException">It can't be initialised now.</exception>
    public static Module Acquire(string path, TimeProvider timeProvider)
    {
        lock (RegistryLock)
        {
            nint functionList = Load(path);
            if (!Registry.TryGetValue(functionList, out Module? module))
            {
                module = new Module(path, Open(path, functionList), timeProvider);
                Registry.Add(functionList, module);
            }

            if (module._references == 0)
            {
                CKR returnValue = module.Initialize();
                if (returnValue != CKR.OK)
                {
                    throw HsmException.ForCall(returnValue, "C_Initialize", $"the PKCS#11 module '{path}'");
                }
            }

            module._references++;
            return module;
        }
    }

    /// <summary>Gives one reference back; with the last one the module is finalized.</summary>
    /// <returns>False: calls did not return within the time-out, so the module was left as it is.</returns>
    public bool Release(TimeSpan drainTimeout)
    {
        lock (RegistryLock)
        {
            if (_references == 1)
            {
                // In vain, this reference stays for ever, and the module as it is.
                if (!_calls.TryEnterWriteLock(drainTimeout))
                {
                    return false;
                }

                FinalizeUnsynchronized();
                _calls.ExitWriteLock();
            }

            _references--;
            return true;
        }
    }

    /// <summary>Enters the module; waits while it is being re-initialised. Scopes do not nest.</summary>
    public CallScope EnterCall()
    {
        _calls.EnterReadLock();
        return new CallScope(_calls);
    }

    /// <summary>
    /// C_Finalize and C_Initialize, once all calls in flight are over; not more often than once in <paramref name="interval"/>.
    /// </summary>
    /// <param name="failedGeneration">The generation that the caller found to be of no use.</param>
    /// <param name="interval">The least time between two attempts of this process, whichever token makes them.</param>
    /// <param name="drainTimeout">How long to wait for calls in flight. New calls wait as long.</param>
    /// <param name="returnValue">What C_Initialize returned, for <see cref="Reinitialization.Failed"/>.</param>
    public Reinitialization TryReinitialize(long failedGeneration, TimeSpan interval, TimeSpan drainTimeout, out CKR returnValue)
    {
        returnValue = CKR.OK;
        lock (_reinitializeLock)
        {
            if (Generation != failedGeneration)
            {
                return Reinitialization.DoneByAnother;
            }

            if (_reinitializedAt is { } before && _timeProvider.GetElapsedTime(before) < interval)
            {
                return Reinitialization.TooSoon;
            }

            // Before the outcome is known: an attempt in vain holds up the other tokens of the module as well, so it counts.
            _reinitializedAt = _timeProvider.GetTimestamp();
            if (!_calls.TryEnterWriteLock(drainTimeout))
            {
                return Reinitialization.CallsInFlight;
            }

            try
            {
                FinalizeUnsynchronized();
                returnValue = InitializeUnsynchronized();
            }
            finally
            {
                _calls.ExitWriteLock();
            }

            return returnValue == CKR.OK ? Reinitialization.Done : Reinitialization.Failed;
        }
    }

    public override string ToString() => _path;

    /// <summary>Loads the library, or finds it loaded, and asks for its function list.</summary>
    private static unsafe nint Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new HsmConfigurationException($"There is no PKCS#11 module at '{path}'.");
        }

        nint library;
        try
        {
            library = NativeLibrary.Load(Path.GetFullPath(path)); // a bare name would be searched for elsewhere
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            throw new HsmConfigurationException($"The PKCS#11 module '{path}' can't be loaded: {exception.Message}", exception);
        }

        if (!NativeLibrary.TryGetExport(library, "C_GetFunctionList", out nint export))
        {
            throw new HsmConfigurationException($"The library '{path}' is no PKCS#11 module: it does not export C_GetFunctionList.");
        }

        CK_FUNCTION_LIST* functionList;
        CKR returnValue = ((delegate* unmanaged[Cdecl]<CK_FUNCTION_LIST**, CKR>)export)(&functionList);
        return returnValue == CKR.OK
            ? (nint)functionList
            : throw HsmException.ForCall(returnValue, "C_GetFunctionList", $"the PKCS#11 module '{path}'");
    }

    private static unsafe Cryptoki Open(string path, nint functionList)
    {
        var functions = (CK_FUNCTION_LIST*)functionList;

        // 3.x begins with the 2.x list, unchanged.
        return functions->version.major is 2 or 3
            ? new Cryptoki(functions)
            : throw new HsmConfigurationException(
                $"The PKCS#11 module '{path}' has version {functions->version.major}.{functions->version.minor}; 2 and 3 are known.");
    }

    private CKR Initialize()
    {
        _calls.EnterWriteLock();
        try
        {
            return InitializeUnsynchronized();
        }
        finally
        {
            _calls.ExitWriteLock();
        }
    }

    private CKR InitializeUnsynchronized()
    {
        CKR returnValue = Cryptoki.Initialize();
        if (returnValue is not (CKR.OK or CKR.CRYPTOKI_ALREADY_INITIALIZED))
        {
            return returnValue;
        }

        _initializedHere = returnValue == CKR.OK;
        Volatile.Write(ref _generation, _generation + 1);
        return CKR.OK;
    }

    private void FinalizeUnsynchronized()
    {
        if (_initializedHere)
        {
            // A module whose device is gone may well fail here; C_Initialize then tells whether it is of use again.
            _ = Cryptoki.FinalizeModule();
            _initializedHere = false;
        }
    }

    /// <summary>A call, or several in a row, in flight; left on the thread that entered.</summary>
    internal readonly ref struct CallScope(ReaderWriterLockSlim calls)
    {
        public void Dispose() => calls.ExitReadLock();
    }
}
