using System.Numerics;

namespace SealService.Ledger.Storage;

/// <summary>The sizes of the record log. Page and segment size are fixed for a log's lifetime.</summary>
public sealed record FasterLogStorageOptions
{
    /// <summary>A power of two. A record must fit into one page. Default: 4 MiB.</summary>
    public long PageBytes { get; init; } = 4L << 20;

    /// <summary>The log's newest part that is kept in memory; a power of two, at least two pages. Default: 64 MiB.</summary>
    public long MemoryBytes { get; init; } = 64L << 20;

    /// <summary>The size of one file; a power of two, at least one page. Default: 256 MiB.</summary>
    public long SegmentBytes { get; init; } = 256L << 20;

    /// <summary>
    /// How much of the disk is left free: below that nothing is appended any more. What is derived from the records needs
    /// room as well. Default: 1 GiB.
    /// </summary>
    public long FreeBytesMin { get; init; } = 1L << 30;

    /// <summary>How long one read from disk may take. Default: 30 s.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">A value is outside of its range; the message names the option.</exception>
    public void Validate()
    {
        RequirePow2(PageBytes, 64 << 10, 1 << 28, nameof(PageBytes), "from 64 KiB to 256 MiB");
        RequirePow2(MemoryBytes, 2 * PageBytes, 1L << 36, nameof(MemoryBytes), "of at least two pages and at most 64 GiB");
        RequirePow2(SegmentBytes, PageBytes, 1L << 40, nameof(SegmentBytes), "of at least one page and at most 1 TiB");
        Require(FreeBytesMin >= 0, nameof(FreeBytesMin), "must not be negative");
        Require(ReadTimeout > TimeSpan.Zero, nameof(ReadTimeout), "must be more than zero");
    }

    private static void RequirePow2(long value, long min, long max, string option, string range) =>
        Require(value >= min && value <= max && BitOperations.IsPow2(value), option, $"must be a power of two {range}");

    private static void Require(bool condition, string option, string what)
    {
        if (!condition)
        {
            throw new ArgumentException($"{nameof(FasterLogStorageOptions)}.{option} {what}.", option);
        }
    }
}
