using System.Collections.Immutable;

namespace SealService.Merkle;

/// <summary>What a check looks at: <c>seal.v1.CheckKind</c>, with its numbers.</summary>
public enum CheckKind
{
    /// <summary>No check has it.</summary>
    None = 0,

    /// <summary>The entry parses as a LogEntry.</summary>
    Entry = 1,

    /// <summary>The document's digest is the entry's digest.</summary>
    Digest = 2,

    /// <summary>The document's size is the entry's size.</summary>
    Size = 3,

    /// <summary>The checkpoint parses as a C2SP tlog-checkpoint.</summary>
    Checkpoint = 4,

    /// <summary>The checkpoint's origin is one that the verifier trusts a key for.</summary>
    Origin = 5,

    /// <summary>The checkpoint's signature by that key.</summary>
    Signature = 6,

    /// <summary>The inclusion proof leads from the entry at its index to the checkpoint's root.</summary>
    Inclusion = 7,
}

/// <summary>What came of a check: <c>seal.v1.CheckOutcome</c>, with its numbers.</summary>
public enum CheckOutcome
{
    /// <summary>No check has it.</summary>
    None = 0,

    /// <summary>It is as it should be.</summary>
    Passed = 1,

    /// <summary>It is not.</summary>
    Failed = 2,

    /// <summary>What it would look at is missing: nothing to compare with was given, or an earlier check found it unreadable.</summary>
    Skipped = 3,
}

/// <summary>One check.</summary>
/// <param name="Kind">What it looked at.</param>
/// <param name="Outcome">What came of it.</param>
/// <param name="Detail">
/// What was looked at and, unless it passed, what is wrong or missing; for people. May be empty when it passed.
/// </param>
public sealed record VerificationCheck(CheckKind Kind, CheckOutcome Outcome, string Detail)
{
    private static readonly VerificationCheck[] PassedByKind = OfEachKind(CheckOutcome.Passed, "");
    private static readonly VerificationCheck[] NotGivenByKind = OfEachKind(CheckOutcome.Skipped, "no document was given");

    // Without details they are always the same.
    internal static VerificationCheck Passed(CheckKind kind) => PassedByKind[(int)kind];

    internal static VerificationCheck NotGiven(CheckKind kind) => NotGivenByKind[(int)kind];

    private static VerificationCheck[] OfEachKind(CheckOutcome outcome, string detail) =>
        [.. Enum.GetValues<CheckKind>().Select(kind => new VerificationCheck(kind, outcome, detail))];
}

/// <summary>All checks of one receipt, in the order of <see cref="CheckKind"/>.</summary>
/// <param name="checks">One check of each kind.</param>
public sealed class VerificationReport(ImmutableArray<VerificationCheck> checks)
{
    /// <summary>
    /// The reports of valid receipts without details: with their document, with its digest alone, and by themselves. Every such report is one
    /// of these objects.
    /// </summary>
    public static ImmutableArray<VerificationReport> OfValidReceipts { get; } =
        [WithoutDetails([]), WithoutDetails([CheckKind.Size]), WithoutDetails([CheckKind.Digest, CheckKind.Size])];

    /// <summary>One check of each kind, in the order of <see cref="CheckKind"/>.</summary>
    public ImmutableArray<VerificationCheck> Checks { get; } = checks;

    /// <summary>
    /// Whether no check failed, and none was skipped but those of a document that was not given. Only then is the receipt valid.
    /// </summary>
    public bool IsValid { get; } = checks.All(check => check.Outcome == CheckOutcome.Passed
        || (check.Outcome == CheckOutcome.Skipped && check.Kind is CheckKind.Digest or CheckKind.Size));

    /// <summary>The check of a kind.</summary>
    public VerificationCheck this[CheckKind kind] => Checks[(int)kind - 1];

    /// <summary>The first check that kept the receipt from being valid, or null.</summary>
    public VerificationCheck? FirstFailure => IsValid ? null
        : Checks.FirstOrDefault(check => check.Outcome == CheckOutcome.Failed)
        ?? Checks.First(check => check.Outcome == CheckOutcome.Skipped && check.Kind is not (CheckKind.Digest or CheckKind.Size));

    // The report of these checks, one of each kind in order.
    internal static VerificationReport Of(ReadOnlySpan<VerificationCheck> checks)
    {
        foreach (VerificationReport shared in OfValidReceipts)
        {
            if (checks.SequenceEqual(shared.Checks.AsSpan()))
            {
                return shared;
            }
        }

        return new VerificationReport([.. checks]);
    }

    private static VerificationReport WithoutDetails(CheckKind[] notGiven) =>
        new([.. Enum.GetValues<CheckKind>()[1..].Select(
            kind => notGiven.Contains(kind) ? VerificationCheck.NotGiven(kind) : VerificationCheck.Passed(kind))]);
}
