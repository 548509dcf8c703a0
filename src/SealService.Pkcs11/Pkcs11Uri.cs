using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace SealService.Pkcs11;

/// <summary>
/// A PKCS#11 URI (RFC 7512): which token or key, in which module, with a PIN from which file.
/// <code>
/// pkcs11:token=seal;object=seal-ledger;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so&amp;pin-source=file:/etc/seal/pin
/// </code>
/// </summary>
/// <remarks>
/// Stricter than the RFC where laxity would pick another key or show a PIN: path attributes that are not matched here
/// (<c>library-*</c>, <c>slot-manufacturer</c>, <c>slot-description</c>, vendors' own) are errors, and so is <c>pin-value</c>, because a
/// URI ends up in configuration, logs and process lists. Unknown query attributes are ignored, as the RFC says.
/// </remarks>
public sealed class Pkcs11Uri
{
    /// <summary>The longest URI that is parsed.</summary>
    public const int CharsMax = 4096;

    private const string Scheme = "pkcs11:";
    private const string Unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    // RFC 7512 section 2.3: pk11-res-avail, then what each component has of its own; '%' begins pct-encoded.
    private static readonly SearchValues<char> PathChars = SearchValues.Create(Unreserved + ":[]@!$'()*+,=&%");
    private static readonly SearchValues<char> QueryChars = SearchValues.Create(Unreserved + ":[]@!$'()*+,=/?|%");

    private readonly string _text;

    private Pkcs11Uri(string text) => _text = text;

    /// <summary>The token's label (<c>token</c>).</summary>
    public string? Token { get; private set; }

    /// <summary>The token's manufacturer (<c>manufacturer</c>).</summary>
    public string? Manufacturer { get; private set; }

    /// <summary>The token's serial number (<c>serial</c>).</summary>
    public string? Serial { get; private set; }

    /// <summary>The token's model (<c>model</c>).</summary>
    public string? Model { get; private set; }

    /// <summary>The slot (<c>slot-id</c>).</summary>
    public ulong? SlotId { get; private set; }

    /// <summary>The label of an object (<c>object</c>).</summary>
    public string? ObjectLabel { get; private set; }

    /// <summary>The class of an object (<c>type</c>): public, private, cert, secret-key or data.</summary>
    public string? ObjectType { get; private set; }

    /// <summary>CKA_ID of an object (<c>id</c>).</summary>
    public ReadOnlyMemory<byte>? ObjectId { get; private set; }

    /// <summary>The module's path (<c>module-path</c>).</summary>
    public string? ModulePath { get; private set; }

    /// <summary>The file with the PIN (<c>pin-source</c>, a <c>file:</c> URI or an absolute path).</summary>
    public string? PinFile { get; private set; }

    /// <summary>Reads a URI; the error is a sentence, and holds no value of an attribute.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out Pkcs11Uri? uri, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parsed = new Pkcs11Uri(text);
        error = parsed.Read(text);
        uri = error is null ? parsed : null;
        return error is null;
    }

    /// <summary>Reads a URI.</summary>
    /// <exception cref="FormatException">It is not one, or not one that can be used here.</exception>
    public static Pkcs11Uri Parse(string text) =>
        TryParse(text, out Pkcs11Uri? uri, out string? error) ? uri : throw new FormatException(error);

    /// <summary>The URI as it was parsed.</summary>
    public override string ToString() => _text;

    private string? Read(string text)
    {
        if (text.Length > CharsMax)
        {
            return $"A PKCS#11 URI has at most {CharsMax} characters.";
        }

        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return "A PKCS#11 URI begins with 'pkcs11:'.";
        }

        ReadOnlySpan<char> rest = text.AsSpan(Scheme.Length);
        int queryAt = rest.IndexOf('?');
        ReadOnlySpan<char> path = queryAt < 0 ? rest : rest[..queryAt];
        string? error = ReadComponent(path, ';', PathChars, SetPathAttribute);
        return error is null && queryAt >= 0 ? ReadComponent(rest[(queryAt + 1)..], '&', QueryChars, SetQueryAttribute) : error;
    }

    /// <summary>The attributes of the path or of the query. Returns the error.</summary>
    private static string? ReadComponent(
        ReadOnlySpan<char> component, char separator, SearchValues<char> allowed, Func<string, byte[], string?> set)
    {
        if (component.IsEmpty)
        {
            return null;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (Range range in component.Split(separator))
        {
            ReadOnlySpan<char> attribute = component[range];
            int equalsAt = attribute.IndexOf('=');
            if (equalsAt <= 0)
            {
                return "A PKCS#11 URI consists of attributes 'name=value'.";
            }

            string name = attribute[..equalsAt].ToString();
            if (!name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            {
                return "A PKCS#11 URI has an attribute whose name is not one.";
            }

            ReadOnlySpan<char> value = attribute[(equalsAt + 1)..];
            if (value.ContainsAnyExcept(allowed) || !TryPercentDecode(value, out byte[]? bytes))
            {
                return $"The value of '{name}' in a PKCS#11 URI is not percent-encoded as it must be.";
            }

            // Of query attributes only those that RFC 7512 itself defines must not be repeated.
            bool mayRepeat = separator == '&' && name is not ("module-path" or "pin-source");
            if (!names.Add(name) && !mayRepeat)
            {
                return $"The attribute '{name}' is in a PKCS#11 URI twice.";
            }

            if (set(name, bytes) is { } error)
            {
                return error;
            }
        }

        return null;
    }

    private static bool TryPercentDecode(ReadOnlySpan<char> value, [NotNullWhen(true)] out byte[]? bytes)
    {
        bytes = null;
        var decoded = new ArrayBufferWriter<byte>(Math.Max(1, value.Length));
        for (int i = 0; i < value.Length; i++)
        {
            byte octet = (byte)value[i]; // ASCII: checked by the caller
            if (value[i] == '%')
            {
                if (i + 2 >= value.Length
                    || !byte.TryParse(value.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out octet))
                {
                    return false;
                }

                i += 2;
            }

            decoded.GetSpan(1)[0] = octet;
            decoded.Advance(1);
        }

        bytes = decoded.WrittenSpan.ToArray();
        return true;
    }

    private string? SetPathAttribute(string name, byte[] value)
    {
        if (name is "id")
        {
            ObjectId = value;
            return null;
        }

        if (!TryReadText(value, out string? text))
        {
            return $"The value of '{name}' in a PKCS#11 URI is not UTF-8.";
        }

        switch (name)
        {
            case "token":
                Token = text;
                return null;
            case "manufacturer":
                Manufacturer = text;
                return null;
            case "serial":
                Serial = text;
                return null;
            case "model":
                Model = text;
                return null;
            case "object":
                ObjectLabel = text;
                return null;
            case "type" when text is "public" or "private" or "cert" or "secret-key" or "data":
                ObjectType = text;
                return null;
            case "type":
                return "The 'type' of a PKCS#11 URI is public, private, cert, secret-key or data.";
            case "slot-id" when ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong slotId):
                SlotId = slotId;
                return null;
            case "slot-id":
                return "The 'slot-id' of a PKCS#11 URI is a decimal number.";
            default:
                return $"The path attribute '{name}' of a PKCS#11 URI is unknown here; to ignore it could match another token or key.";
        }
    }

    private string? SetQueryAttribute(string name, byte[] value)
    {
        switch (name)
        {
            case "pin-value":
                return "A PKCS#11 URI must not hold the PIN ('pin-value'): put it into a file and name that by 'pin-source'.";
            case "module-name":
                return "Name the module of a PKCS#11 URI by 'module-path', not by 'module-name'.";
            case "module-path" when TryReadText(value, out string? path) && Path.IsPathFullyQualified(path):
                ModulePath = path;
                return null;
            case "module-path":
                return "The 'module-path' of a PKCS#11 URI is an absolute path.";
            case "pin-source" when TryReadText(value, out string? source) && TryReadFilePath(source, out string? pinFile):
                PinFile = pinFile;
                return null;
            case "pin-source":
                return "The 'pin-source' of a PKCS#11 URI is 'file:' and an absolute path.";
            default:
                return null;
        }
    }

    /// <summary>RFC 8089: file:/path, file:///path or file://localhost/path; or the path alone.</summary>
    private static bool TryReadFilePath(string source, [NotNullWhen(true)] out string? path)
    {
        path = source;
        if (source.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            path = source["file:".Length..];
            foreach (string authority in (ReadOnlySpan<string>)["//localhost/", "///"])
            {
                if (path.StartsWith(authority, StringComparison.Ordinal))
                {
                    path = path[(authority.Length - 1)..];
                    break;
                }
            }
        }

        return path.StartsWith('/') && !path.StartsWith("//", StringComparison.Ordinal);
    }

    private static bool TryReadText(byte[] value, [NotNullWhen(true)] out string? text)
    {
        bool valid = Utf8.IsValid(value);
        text = valid ? Encoding.UTF8.GetString(value) : null;
        return valid;
    }
}
