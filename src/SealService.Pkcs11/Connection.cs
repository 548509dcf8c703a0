using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using SealService.Pkcs11.Interop;

namespace SealService.Pkcs11;

/// <summary>
/// One login to a token, from finding its slot to losing it: the anchor session, which keeps the login while signing sessions come and
/// go, those sessions, and the handles of the keys. Nothing of it is carried over to the next connection.
/// </summary>
/// <remarks>
/// A module may give the number of a session that is gone to the next one that it opens. So sessions are closed only while nobody uses
/// them and before the next connection opens any (<see cref="Retire"/>); afterwards their handles are just forgotten.
/// The anchor is used under the lock of <see cref="Connector"/>, a signing session by the thread that opened it.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Threads may come to the lock of a retired connection at any time.")]
internal sealed class Connection
{
    /// <summary>More slots with a token than any machine has.</summary>
    private const int SlotsMax = 256;

    private readonly TokenOptions _options;
    private readonly nuint _slot;
    private readonly ReaderWriterLockSlim _uses = new(LockRecursionPolicy.NoRecursion); // read: a session signs; write: none does
    private readonly ConcurrentDictionary<nuint, bool> _sessions = new(); // the open ones, without the anchor
    private bool _retired; // written under _uses and the lock of Connector, read under either

    private Connection(Module module, TokenOptions options, nuint slot, nuint anchor, int sessionsMax)
    {
        Module = module;
        ModuleGeneration = module.Generation;
        _slot = slot;
        Anchor = anchor;
        SessionsMax = sessionsMax;
        _options = options;
    }

    public Module Module { get; }

    public long ModuleGeneration { get; }

    public nuint Anchor { get; }

    /// <summary>How many sessions the token allows beside the anchor.</summary>
    public int SessionsMax { get; }

    /// <summary>The keys that were found, and verified, in this connection; valid in all its sessions.</summary>
    public ConcurrentDictionary<SigningKey, nuint> KeyHandles { get; } = new();

    /// <summary>How many signing sessions are open.</summary>
    public int Sessions => _sessions.Count;

    /// <summary>
    /// Its sessions were closed, or the module was re-initialised: then the handles denote nothing, or something else. Inside a call scope,
    /// and under the lock of <see cref="Connector"/> or in a <see cref="Use"/>.
    /// </summary>
    public bool IsOver => _retired || ModuleGeneration != Module.Generation;

    /// <summary>Finds the token, opens the anchor session and logs in. Inside a call scope.</summary>
    public static Connection Open(Module module, TokenOptions options, Pin pin)
    {
        Cryptoki cryptoki = module.Cryptoki;
        (nuint slot, CK_TOKEN_INFO info) = FindToken(cryptoki, options);
        CKR returnValue = cryptoki.OpenSession(slot, out nuint anchor);
        if (returnValue != CKR.OK)
        {
            throw HsmException.ForCall(returnValue, "C_OpenSession", $"the {options.TokenName}");
        }

        var connection = new Connection(module, options, slot, anchor, SessionsBesideAnchor(info.ulMaxSessionCount));
        try
        {
            returnValue = connection.Login(pin);
            return returnValue == CKR.OK
                ? connection
                : throw HsmException.ForCall(returnValue, "C_Login", $"the {options.TokenName} with the PIN of '{options.PinFile}'");
        }
        catch
        {
            connection.CloseAnchor();
            throw;
        }
    }

    /// <summary>Logs in; CKR_OK also when that is so already.</summary>
    public CKR Login(Pin pin)
    {
        CKR returnValue = Module.Cryptoki.Login(Anchor, pin.Bytes);
        return returnValue == CKR.USER_ALREADY_LOGGED_IN ? CKR.OK : returnValue;
    }

    /// <summary>Asks the token whether the anchor session is there and logged in.</summary>
    public CKR CheckAnchor()
    {
        CKR returnValue = Module.Cryptoki.GetSessionInfo(Anchor, out CK_SESSION_INFO info);
        return returnValue == CKR.OK && info.state is not (Pkcs11T.CKS_RO_USER_FUNCTIONS or Pkcs11T.CKS_RW_USER_FUNCTIONS)
            ? CKR.USER_NOT_LOGGED_IN
            : returnValue;
    }

    /// <summary>
    /// Enters the module to use a signing session of this connection. False when the connection is over: another one is there, or needed.
    /// </summary>
    public bool TryEnter(out Use use)
    {
        _uses.EnterReadLock();
        use = new Use(_uses, Module.EnterCall());
        if (!IsOver)
        {
            return true;
        }

        use.Dispose();
        return false;
    }

    /// <summary>Opens a signing session. Inside a <see cref="Use"/>.</summary>
    public CKR OpenSession(out nuint session)
    {
        CKR returnValue = Module.Cryptoki.OpenSession(_slot, out session);
        if (returnValue == CKR.OK && (session == Anchor || !_sessions.TryAdd(session, true)))
        {
            // The number of a session that we hold open: the token has lost our sessions and forgotten their numbers. Two threads must not
            // come to share one, so this return value makes the whole connection anew.
            return CKR.OBJECT_HANDLE_INVALID;
        }

        return returnValue;
    }

    /// <summary>
    /// Drops a signing session that failed. Inside a <see cref="Use"/>. It is closed unless the module says that it is gone already. An
    /// error is of no interest: it is not used again.
    /// </summary>
    public void DropSession(nuint session, CKR failure)
    {
        if (_sessions.TryRemove(session, out _) && failure is not (CKR.SESSION_HANDLE_INVALID or CKR.SESSION_CLOSED))
        {
            _ = Module.Cryptoki.CloseSession(session);
        }
    }

    /// <summary>
    /// Ends the connection: waits until none of its sessions signs, then closes them and the anchor. Outside of call scopes.
    /// </summary>
    /// <returns>False: a session did not return from its call in time. The sessions stay open, and are lost.</returns>
    public bool Retire(TimeSpan drainTimeout)
    {
        if (!_uses.TryEnterWriteLock(drainTimeout))
        {
            return false;
        }

        try
        {
            using Module.CallScope call = Module.EnterCall();
            if (!IsOver)
            {
                foreach (nuint session in _sessions.Keys)
                {
                    _ = Module.Cryptoki.CloseSession(session);
                }

                _ = Module.Cryptoki.CloseSession(Anchor);
            }

            _retired = true;
            _sessions.Clear();
            return true;
        }
        finally
        {
            _uses.ExitWriteLock();
        }
    }

    /// <summary>Closes the anchor of a connection that never came into use. Inside a call scope.</summary>
    public void CloseAnchor() => _ = Module.Cryptoki.CloseSession(Anchor);

    public void ThrowIfFailed(CKR returnValue, string function)
    {
        if (returnValue != CKR.OK)
        {
            throw HsmException.ForCall(returnValue, function, $"the {_options.TokenName}");
        }
    }

    private static (nuint Slot, CK_TOKEN_INFO Info) FindToken(Cryptoki cryptoki, TokenOptions options)
    {
        Span<nuint> slots = stackalloc nuint[SlotsMax];
        CKR returnValue = cryptoki.GetSlotList(slots, out int count);
        if (returnValue != CKR.OK)
        {
            throw HsmException.ForCall(returnValue, "C_GetSlotList", $"the PKCS#11 module '{options.ModulePath}'");
        }

        (nuint Slot, CK_TOKEN_INFO Info)? found = null;
        foreach (nuint slot in slots[..count])
        {
            // A slot whose token can't be read now is not the one, unless its id was asked for.
            returnValue = cryptoki.GetTokenInfo(slot, out CK_TOKEN_INFO info);
            if (returnValue != CKR.OK && options.SlotId == slot)
            {
                throw HsmException.ForCall(returnValue, "C_GetTokenInfo", $"the {options.TokenName}");
            }

            if (returnValue != CKR.OK || !Matches(slot, info, options))
            {
                continue;
            }

            if (found is not null)
            {
                throw new HsmConfigurationException(
                    $"The module '{options.ModulePath}' has more than one {options.TokenName}; add its serial number.");
            }

            found = (slot, info);
        }

        return found ?? throw new HsmConfigurationException(
            $"The module '{options.ModulePath}' has no {options.TokenName}.");
    }

    private static unsafe bool Matches(nuint slot, CK_TOKEN_INFO info, TokenOptions options) =>
        (options.SlotId is null || options.SlotId == slot)
        && IsText(options.TokenLabel, new ReadOnlySpan<byte>(info.label, 32))
        && IsText(options.TokenSerial, new ReadOnlySpan<byte>(info.serialNumber, 16))
        && IsText(options.TokenManufacturer, new ReadOnlySpan<byte>(info.manufacturerID, 32))
        && IsText(options.TokenModel, new ReadOnlySpan<byte>(info.model, 16));

    /// <summary>Whether a field of CK_TOKEN_INFO is as wanted. It is padded with blanks; by some modules with zeros.</summary>
    private static bool IsText(string? wanted, ReadOnlySpan<byte> padded) =>
        wanted is null || padded.TrimEnd(" \0"u8).SequenceEqual(Encoding.UTF8.GetBytes(wanted));

    private static int SessionsBesideAnchor(nuint sessionsMax) =>
        sessionsMax == Pkcs11T.CK_EFFECTIVELY_INFINITE || sessionsMax == Pkcs11T.CK_UNAVAILABLE_INFORMATION
            ? int.MaxValue
            : (int)Math.Clamp(sessionsMax, 2, int.MaxValue) - 1;

    /// <summary>A use of the connection's sessions, on one thread from begin to end.</summary>
    internal readonly ref struct Use(ReaderWriterLockSlim uses, Module.CallScope call)
    {
        private readonly Module.CallScope _call = call;

        public void Dispose()
        {
            _call.Dispose();
            uses.ExitReadLock();
        }
    }
}
