namespace SealService.Ledger;

/// <summary>The ledger can't be opened, or can't go on.</summary>
public class LedgerException : Exception
{
    public LedgerException()
    {
    }

    public LedgerException(string message)
        : base(message)
    {
    }

    public LedgerException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Stored data is not what was written. The message names the file and the offset or address; nothing was overwritten.</summary>
public sealed class LedgerDamagedException : LedgerException
{
    public LedgerDamagedException()
    {
    }

    public LedgerDamagedException(string message)
        : base(message)
    {
    }

    public LedgerDamagedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Another process, or another object of this one, has the ledger's folder open.</summary>
public sealed class LedgerLockedException : LedgerException
{
    public LedgerLockedException()
    {
    }

    public LedgerLockedException(string message)
        : base(message)
    {
    }

    public LedgerLockedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
