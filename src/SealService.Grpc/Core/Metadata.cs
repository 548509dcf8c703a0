using System.Buffers;
using System.Collections;
using System.Text;

namespace Grpc.Core;

/// <summary>
/// Headers or trailers of a call, in order, keys repeated where they were. A key that ends in <c>-bin</c> has bytes as its
/// value, every other key printable ASCII.
/// </summary>
public sealed class Metadata : IList<Metadata.Entry>
{
    /// <summary>The end of the key of every binary entry.</summary>
    public const string BinaryHeaderSuffix = "-bin";

    /// <summary>No entries; read-only.</summary>
    public static readonly Metadata Empty = new(readOnly: true);

    private readonly List<Entry> _entries = [];

    public Metadata()
        : this(readOnly: false)
    {
    }

    private Metadata(bool readOnly) => IsReadOnly = readOnly;

    public int Count => _entries.Count;

    public bool IsReadOnly { get; }

    public Entry this[int index]
    {
        get => _entries[index];
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            ThrowIfReadOnly();
            _entries[index] = value;
        }
    }

    /// <summary>The entries of both, in order; the second itself where the first has none.</summary>
    internal static Metadata Join(Metadata? first, Metadata second)
    {
        if (first is null or { Count: 0 })
        {
            return second;
        }

        var both = new Metadata();
        both._entries.AddRange(first._entries);
        both._entries.AddRange(second._entries);
        return both;
    }

    /// <summary>The last entry of the key, or null.</summary>
    public Entry? Get(string key)
    {
        for (var i = _entries.Count - 1; i >= 0; i--)
        {
            if (string.Equals(_entries[i].Key, key, StringComparison.OrdinalIgnoreCase))
            {
                return _entries[i];
            }
        }

        return null;
    }

    /// <summary>The value of the last entry of the key, or null.</summary>
    public string? GetValue(string key) => Get(key)?.Value;

    /// <summary>The bytes of the last entry of the key, or null.</summary>
    public byte[]? GetValueBytes(string key) => Get(key)?.ValueBytes;

    /// <summary>All entries of the key, in order.</summary>
    public IEnumerable<Entry> GetAll(string key) =>
        _entries.Where(entry => string.Equals(entry.Key, key, StringComparison.OrdinalIgnoreCase));

    public void Add(string key, string value) => Add(new Entry(key, value));

    public void Add(string key, byte[] valueBytes) => Add(new Entry(key, valueBytes));

    public void Add(Entry item)
    {
        ArgumentNullException.ThrowIfNull(item);
        ThrowIfReadOnly();
        _entries.Add(item);
    }

    public void Insert(int index, Entry item)
    {
        ArgumentNullException.ThrowIfNull(item);
        ThrowIfReadOnly();
        _entries.Insert(index, item);
    }

    public bool Remove(Entry item)
    {
        ThrowIfReadOnly();
        return _entries.Remove(item);
    }

    public void RemoveAt(int index)
    {
        ThrowIfReadOnly();
        _entries.RemoveAt(index);
    }

    public void Clear()
    {
        ThrowIfReadOnly();
        _entries.Clear();
    }

    public int IndexOf(Entry item) => _entries.IndexOf(item);

    public bool Contains(Entry item) => _entries.Contains(item);

    public void CopyTo(Entry[] array, int arrayIndex) => _entries.CopyTo(array, arrayIndex);

    /// <summary>Enumerates the entries in order.</summary>
    public List<Entry>.Enumerator GetEnumerator() => _entries.GetEnumerator();

    IEnumerator<Entry> IEnumerable<Entry>.GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _entries.GetEnumerator();

    private void ThrowIfReadOnly()
    {
        if (IsReadOnly)
        {
            throw new InvalidOperationException("This metadata is read-only.");
        }
    }

    /// <summary>One key and its value. Keys are lower case; they are given in any case.</summary>
    public sealed class Entry
    {
        private static readonly SearchValues<char> KeyCharacters = SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz_-.");

        private readonly string? _value;
        private readonly byte[]? _valueBytes;

        /// <exception cref="ArgumentException">
        /// The key holds other characters than <c>[0-9a-z_.-]</c> or ends in <c>-bin</c>, or the value is not printable ASCII.
        /// </exception>
        public Entry(string key, string value)
        {
            ArgumentNullException.ThrowIfNull(value);
            Key = NormalizeKey(key, isBinary: false);
            _value = value;
            if (!IsText(value))
            {
                throw new ArgumentException($"The value of '{key}' is not printable ASCII.", nameof(value));
            }
        }

        /// <exception cref="ArgumentException">The key holds other characters than <c>[0-9a-z_.-]</c>, or does not end in <c>-bin</c>.</exception>
        public Entry(string key, byte[] valueBytes)
        {
            ArgumentNullException.ThrowIfNull(valueBytes);
            Key = NormalizeKey(key, isBinary: true);
            _valueBytes = [.. valueBytes];
        }

        public string Key { get; }

        public bool IsBinary => _valueBytes is not null;

        /// <exception cref="InvalidOperationException">The entry is binary.</exception>
        public string Value => _value ?? throw new InvalidOperationException("A binary entry has no text value.");

        /// <summary>A copy of the value's bytes; of a text value its ASCII.</summary>
        public byte[] ValueBytes => _value is not null ? Encoding.ASCII.GetBytes(_value) : [.. _valueBytes!];

        /// <summary>The value's bytes without a copy; only of a binary entry.</summary>
        internal ReadOnlySpan<byte> BinaryValue => _valueBytes;

        public override string ToString() =>
            IsBinary ? $"[Entry: key={Key}, valueBytes={_valueBytes!.Length} bytes]" : $"[Entry: key={Key}, value={_value}]";

        /// <summary>The entry of a header that a peer sent, or null when it is not valid metadata.</summary>
        internal static Entry? TryCreate(string key, string value) => IsKey(key.ToLowerInvariant()) && IsText(value) ? new(key, value) : null;

        internal static Entry? TryCreate(string key, byte[] value) => IsKey(key.ToLowerInvariant()) ? new(key, value) : null;

        private static string NormalizeKey(string key, bool isBinary)
        {
            ArgumentNullException.ThrowIfNull(key);
            var lower = key.ToLowerInvariant();
            if (!IsKey(lower))
            {
                throw new ArgumentException($"'{key}' is not a metadata key: only 0-9, a-z, '_', '-' and '.' are allowed.", nameof(key));
            }

            if (lower.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal) != isBinary)
            {
                throw new ArgumentException($"The key '{key}' must {(isBinary ? "" : "not ")}end in '{BinaryHeaderSuffix}'.", nameof(key));
            }

            return lower;
        }

        private static bool IsKey(string lower) => lower.Length > 0 && !lower.AsSpan().ContainsAnyExcept(KeyCharacters);

        private static bool IsText(string value) => !value.AsSpan().ContainsAnyExceptInRange(' ', '~');
    }
}
