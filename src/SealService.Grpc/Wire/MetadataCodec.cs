using System.Buffers.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Grpc.Wire;

/// <summary>
/// Metadata as HTTP headers and back. The value of a <c>-bin</c> key is base64: several values may have been joined with commas
/// on the way, padding is accepted and not sent. Headers of the protocol itself are not metadata.
/// </summary>
internal static class MetadataCodec
{
    // RFC 9113 section 6.5.2: what a header counts beside its name and value.
    private const int EntryOverheadBytes = 32;

    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "te", "content-type", "content-length", "content-encoding", "accept-encoding", "host", "connection", "transfer-encoding",
        "keep-alive", "upgrade", "proxy-connection",
    };

    /// <summary>Whether a header is the protocol's or the transport's, and so neither shown as metadata nor sent as such.</summary>
    public static bool IsReserved(string name) =>
        name.Length == 0
        || name[0] == ':'
        || (name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase)
            && !name.Equals(GrpcHeaders.StatusDetails, StringComparison.OrdinalIgnoreCase)
            && !name.Equals(GrpcHeaders.PreviousAttempts, StringComparison.OrdinalIgnoreCase)
            && !name.Equals(GrpcHeaders.RetryPushback, StringComparison.OrdinalIgnoreCase))
        || Reserved.Contains(name);

    /// <summary>The metadata among received headers.</summary>
    public static Metadata Read(IEnumerable<KeyValuePair<string, StringValues>> headers)
    {
        var metadata = new Metadata();
        foreach (var (name, values) in headers)
        {
            foreach (var value in values)
            {
                Read(name, value ?? "", metadata);
            }
        }

        return metadata;
    }

    /// <summary>Adds what a received header says; a value that is not valid is left out.</summary>
    public static void Read(string name, string value, Metadata metadata)
    {
        if (IsReserved(name))
        {
            return;
        }

        if (!name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase))
        {
            if (Metadata.Entry.TryCreate(name, value) is { } entry)
            {
                metadata.Add(entry);
            }

            return;
        }

        foreach (var range in value.AsSpan().Split(','))
        {
            if (TryDecodeBinary(value.AsSpan()[range].Trim(), out var bytes) && Metadata.Entry.TryCreate(name, bytes) is { } entry)
            {
                metadata.Add(entry);
            }
        }
    }

    /// <summary>The value of an entry as it is sent.</summary>
    public static string Write(Metadata.Entry entry) =>
        entry.IsBinary ? Convert.ToBase64String(entry.BinaryValue).TrimEnd('=') : entry.Value;

    /// <summary>Adds the entries to headers that are to be sent.</summary>
    public static void Write(Metadata metadata, IHeaderDictionary headers)
    {
        foreach (var entry in metadata)
        {
            if (!IsReserved(entry.Key))
            {
                headers.Append(entry.Key, Write(entry));
            }
        }
    }

    /// <summary>What the entries count towards a peer's header limit.</summary>
    public static int CountBytes(Metadata metadata)
    {
        var count = 0;
        foreach (var entry in metadata)
        {
            count += entry.Key.Length + EntryOverheadBytes
                + (entry.IsBinary ? Base64.GetMaxEncodedToUtf8Length(entry.BinaryValue.Length) : entry.Value.Length);
        }

        return count;
    }

    /// <summary>Decodes base64 with or without its padding.</summary>
    internal static bool TryDecodeBinary(ReadOnlySpan<char> text, out byte[] bytes)
    {
        bytes = [];
        text = text.TrimEnd('=');
        // The converter would skip white space.
        if (text.Length % 4 == 1 || text.ContainsAnyExceptInRange('!', '~'))
        {
            return false;
        }

        var length = (text.Length + 3) / 4 * 4;
        var padded = length <= 1024 ? stackalloc char[length] : new char[length];
        text.CopyTo(padded);
        padded[text.Length..].Fill('=');
        var decoded = new byte[text.Length * 3 / 4];
        if (!Convert.TryFromBase64Chars(padded, decoded, out _))
        {
            return false;
        }

        bytes = decoded;
        return true;
    }
}
