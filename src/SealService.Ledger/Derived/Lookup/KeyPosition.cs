using System.Runtime.InteropServices;

namespace SealService.Ledger.Derived.Lookup;

/// <summary>
/// A key's fingerprint and the ledger index of an entry that has the key. Two keys may share a fingerprint, so an entry that
/// is found by one is read and compared. As it lies in a sorted run: 16 bytes, in the machine's byte order.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct KeyPosition(ulong Fingerprint, long Index) : IComparable<KeyPosition>
{
    public static bool operator <(KeyPosition left, KeyPosition right) => left.CompareTo(right) < 0;

    public static bool operator >(KeyPosition left, KeyPosition right) => left.CompareTo(right) > 0;

    public static bool operator <=(KeyPosition left, KeyPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >=(KeyPosition left, KeyPosition right) => left.CompareTo(right) >= 0;

    public int CompareTo(KeyPosition other)
    {
        int order = Fingerprint.CompareTo(other.Fingerprint);
        return order != 0 ? order : Index.CompareTo(other.Index);
    }
}
