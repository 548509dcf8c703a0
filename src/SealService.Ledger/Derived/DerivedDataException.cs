namespace SealService.Ledger.Derived;

/// <summary>Derived data is missing, behind or contradicts itself. It is thrown away and built again from the records.</summary>
internal sealed class DerivedDataException(string message) : Exception(message);
